import { afterAll, beforeAll, expect, it } from 'vitest';
import { injectConfig } from '../../lib/inject/index.ts';
import { servePods } from '../testing/pods-of-processes.ts';
import { type CommandRun, run } from '../testing/run.ts';

const meshed = { initContainers: [{ name: 'tulle-proxy', readinessProbe: { httpGet: { port: 4191 } } }] };
const pod = (name: string, owner: object, spec: object, phase = 'Running') => ({
  metadata: { name, namespace: 'shop', ownerReferences: [owner] },
  spec,
  status: { phase, podIP: '10.1.0.1' },
});
const web = { kind: 'ReplicaSet', name: 'web-abc' };
const named = (name: string, owner?: object) => ({
  metadata: { name, namespace: 'shop', ownerReferences: owner && [owner] },
});

const late = (name: string, set: string, declines = false) => ({
  ...pod(name, {}, { containers: [{ name: 'app', image: 'app' }] }),
  metadata: {
    ...{ name, namespace: 'late', ownerReferences: [{ kind: 'StatefulSet', name: set }] },
    ...(declines ? { annotations: { 'tulle.dev/inject': 'disabled' } } : {}),
  },
});

/** A sidecar that answers 30 requests a second by its own clock, of which 3 fail, and calls another 6 times. */
function metrics(): string {
  const seconds = performance.now() / 1000;
  const inbound = 'direction="inbound"';
  const outbound = 'direction="outbound",dst_deployment="db",dst_namespace="shop"';
  return [
    `response_total{${inbound},classification="success"} ${27 * seconds}`,
    `response_total{${inbound},classification="failure"} ${3 * seconds}`,
    `response_total{${outbound},classification="success"} ${6 * seconds}`,
    `tcp_open_connections{${inbound},peer="src"} 2`,
    `tcp_read_bytes_total{${inbound},peer="src"} ${1000 * seconds}`,
    '',
  ].join('\n');
}

let cluster: Awaited<ReturnType<typeof servePods>>;
beforeAll(async () => {
  cluster = await servePods({
    ports: {},
    answers: {
      '/api/v1/namespaces/shop/pods': {
        items: [
          pod('web-abc-1', web, meshed),
          pod('web-abc-2', web, meshed),
          pod('web-abc-3', web, {}),
          pod('web-abc-4', web, meshed, 'Failed'),
          pod('db-0', { kind: 'ReplicaSet', name: 'db-abc' }, meshed),
        ],
      },
      '/apis/apps/v1/namespaces/shop/deployments': { items: [named('web'), named('db'), named('plain')] },
      '/apis/apps/v1/namespaces/shop/replicasets': {
        items: [
          named('web-abc', { kind: 'Deployment', name: 'web' }),
          named('db-abc', { kind: 'Deployment', name: 'db' }),
        ],
      },
      '/api/v1/namespaces/tulle/configmaps/tulle-config': JSON.stringify({
        data: { values: JSON.stringify(injectConfig()), install: '{"given":{}}' },
      }),
      '/api/v1/namespaces/late': JSON.stringify({
        metadata: { name: 'late', annotations: { 'tulle.dev/inject': 'enabled' } },
      }),
      '/api/v1/namespaces/late/pods': { items: [late('web-0', 'web'), late('web-1', 'web'), late('db-0', 'db', true)] },
      '/apis/apps/v1/namespaces/late/statefulsets': {
        items: [{ metadata: { name: 'web', namespace: 'late' } }, { metadata: { name: 'db', namespace: 'late' } }],
      },
      '/api/v1/namespaces/shop/pods/web-abc-1:4191/proxy/metrics': metrics,
      '/api/v1/namespaces/shop/pods/web-abc-2:4191/proxy/metrics': metrics,
    },
  });
});
afterAll(() => cluster.close());

const stat = (...args: string[]): Promise<CommandRun> =>
  run(['stat', ...args, '--kubeconfig', cluster.kubeconfig, '-n', 'shop', '-t', '500ms']);

it('a workload is the sum of its meshed pods; one that does not answer is named', async () => {
  const { out, err } = await stat('deploy', '-o', 'json');
  const [web, db, ...others] = JSON.parse(out);
  expect(others).toEqual([]);
  expect(web).toMatchObject({ name: 'web', kind: 'deployment', meshed: { pods: 2, of: 3 }, tcpConnections: 4 });
  expect(web.success).toBeCloseTo(0.9, 6);
  // Two pods of 30, each within its own window.
  expect(web.rps).toBeGreaterThan(50);
  expect(web.rps).toBeLessThan(70);
  expect(db).toMatchObject({ name: 'db', meshed: { pods: 1, of: 1 } });
  expect(db).not.toHaveProperty('rps');
  expect(err).toMatch(/^warning: the sidecar of shop\/db-0 is not counted: .*db-0:4191\/proxy\/metrics: 404/);
});

it('--to is what the workload calls, --from what calls it', async () => {
  const [to] = JSON.parse((await stat('deploy/web', '--to', 'deploy/db', '-o', 'json')).out);
  expect(to).toMatchObject({ name: 'web', success: 1 });
  expect(to.rps).toBeGreaterThan(10);
  expect(to.rps).toBeLessThan(14);
  const [from] = JSON.parse((await stat('deploy/db', '--from', 'deploy/web', '-o', 'json')).out);
  expect(from).toMatchObject({ name: 'db', success: 1 });
  expect(from.rps).toBeGreaterThan(10);
});

it('unmeshed workloads are shown when they are asked for, and pods with their phase', async () => {
  expect((await stat('deploy', '--unmeshed', '-o', 'wide')).out).toMatch(
    /^NAME .* WRITE_BYTES\/SEC\n(?:.*\n)*plain +0\/0 /,
  );
  expect((await stat('po/web-abc-1')).out).toMatch(/^NAME +STATUS +MESHED [^\n]*\nweb-abc-1 +Running +1\/1 +90\.00% /);
  expect((await stat('pods', '--unmeshed')).out).toMatch(/^web-abc-3 +Running +0\/1 .*\nweb-abc-4 +- +0\/0 /m);
  const { error } = await stat('deploy/plain').catch((failure) => failure);
  expect(error.message).toBe(
    'no deployment/plain with a meshed pod in namespace shop (-n names another, -A all); --unmeshed shows the others',
  );
});

it('a workload whose pods were to have sidecars and have none is shown and named, one that declines is not', async () => {
  const { out, err } = await run(['stat', 'sts', '--kubeconfig', cluster.kubeconfig, '-n', 'late', '-t', '100ms']);
  expect(out).toMatch(/^NAME .*\nweb +0\/2 .*\n$/);
  expect(err).toBe("warning: 2 pods of late/web should have a sidecar and run without: see 'tulle check --proxy'\n");
});
