import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { injectConfig } from '../../lib/inject/index.ts';
import { servePods } from '../testing/pods-of-processes.ts';
import { type CommandRun, run } from '../testing/run.ts';

const meshed = { initContainers: [{ name: 'tulle-proxy', readinessProbe: { httpGet: { port: 4191 } } }] };
const service = (name: string, selector?: object) => ({ ...named(name), spec: { selector } });
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

const route =
  'parent_kind="Service",parent_name="orders",parent_port="80",parent_namespace="shop",route_kind="HTTPRoute",route_group="gateway.networking.k8s.io",route_name="canary",route_namespace="shop"';
const httpRoute = (name: string, ...parentRefs: object[]) => ({ ...named(name), spec: { parentRefs } });

/** A sidecar that answers 30 requests a second by its own clock, of which 3 fail, and calls another 6 times. */
function metrics(): string {
  const seconds = performance.now() / 1000;
  const inbound = 'direction="inbound"';
  const outbound = 'direction="outbound",dst_deployment="db",dst_namespace="shop"';
  return [
    `response_total{${inbound},classification="success"} ${27 * seconds}`,
    `response_total{${inbound},classification="failure"} ${3 * seconds}`,
    `response_total{${outbound},classification="success"} ${6 * seconds}`,
    `response_total{direction="outbound",dst_service="orders",dst_namespace="shop",classification="success"} ${4 * seconds}`,
    `outbound_http_route_request_statuses_total{${route},http_status="200",error=""} ${2 * seconds}`,
    `outbound_http_route_request_statuses_total{${route},http_status="",error="REQUEST_TIMEOUT"} ${2 * seconds}`,
    `outbound_http_route_retry_requests_total{${route}} ${seconds}`,
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
      '/api/v1/pods': { items: [pod('web-abc-1', web, meshed), pod('web-abc-2', web, meshed)] },
      '/api/v1/namespaces': { items: [{ metadata: { name: 'shop' } }] },
      '/api/v1/namespaces/shop/services': { items: [service('orders', { app: 'web' }), service('elsewhere')] },
      '/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes': {
        items: [
          httpRoute('canary', { kind: 'Service', name: 'orders', port: 80 }, { kind: 'Gateway', name: 'edge' }),
          httpRoute('front', { kind: 'Gateway', name: 'edge' }),
        ],
      },
      '/apis/policy.linkerd.io/v1beta3/namespaces/shop/httproutes': {
        items: ['read', 'canary'].map((name) => httpRoute(name, { kind: 'Server', name: 'web-http' })),
      },
      '/api/v1/namespaces/tulle/configmaps/tulle-config': JSON.stringify({
        data: { values: JSON.stringify(injectConfig()), install: '{"given":{}}' },
      }),
      ...Object.fromEntries(
        ['apps/v1/namespaces/shop/statefulsets', 'apps/v1/namespaces/shop/daemonsets', 'batch/v1/namespaces/shop/jobs']
          .concat('batch/v1/namespaces/shop/cronjobs')
          .map((path) => [`/apis/${path}`, { items: [] }]),
      ),
      '/api/v1/namespaces/shop/replicationcontrollers': { items: [] },
      '/api/v1/namespaces/shop': JSON.stringify({ metadata: { name: 'shop' } }),
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

it('several resources are told at once: of a kind in one table, of each kind in its own, and flat for programs', async () => {
  const names = async (...args: string[]): Promise<string[]> =>
    JSON.parse((await stat(...args, '-o', 'json')).out).map(
      ({ kind, name }: { kind: string; name: string }) => `${kind}/${name}`,
    );
  expect(await names('deploy', 'db', 'web')).toEqual(['deployment/db', 'deployment/web']);
  expect(await names('deploy/web', 'svc/orders', 'deploy/web')).toEqual(['deployment/web', 'service/orders']);
  const { out, err } = await stat('all');
  expect(out).toMatch(
    /^NAME +MESHED .*\ndeployment\/web +2\/3 .*\ndeployment\/db .*\n\nNAME +MESHED .*\nservice\/orders +\d.*\n$/,
  );
  expect(err.match(/the sidecar of shop\/db-0 is not counted/g)).toHaveLength(1);
  await expect(stat('deploy', 'web', 'none')).rejects.toMatchObject({
    out: '',
    error: { exitCode: 1, message: 'no deployment/none in namespace shop (-n names another, -A all)' },
  });
});

it('--to-namespace and --from-namespace alone are all of a namespace', async () => {
  const rps = async (...args: string[]): Promise<number | undefined> =>
    JSON.parse((await stat(...args, '-o', 'json')).out)[0].rps;
  expect(await rps('deploy/web', '--to-namespace', 'shop')).toBeGreaterThan(10);
  expect(await rps('deploy/web', '--to-namespace', 'late')).toBeUndefined();
  expect(await rps('deploy/db', '--from-namespace', 'shop')).toBeGreaterThan(10);
  expect(await rps('deploy/db', '--from-namespace', 'late')).toBeUndefined();
});

it('a Service is what everyone calls of it, or what one calls; without an endpoint in the mesh it is left out', async () => {
  const [orders, ...others] = JSON.parse((await stat('svc', '-o', 'json')).out);
  expect(others).toEqual([]);
  expect(orders).toMatchObject({ kind: 'service', name: 'orders', success: 1 });
  // Of two callers, 4 a second each.
  expect(orders.rps).toBeGreaterThan(6.5);
  expect(orders.rps).toBeLessThan(9.5);
  expect((await stat('svc/orders', '--from', 'deploy/web')).out).toMatch(/^NAME +MESHED .*\norders +\d\/\d +100\.00% /);
  await expect(stat('svc/orders', '--to', 'deploy/web')).rejects.toMatchObject({
    error: { exitCode: 64, message: '--to (deploy/web) must not be given with Services, which do not call' },
  });
});

it('a route is told by what it is a route of, with its timeouts and retries, as a table and for programs', async () => {
  const [table, yaml] = await Promise.all([stat('httproute', '-o', 'wide'), stat('httproute/canary', '-o', 'yaml')]);
  expect(table.out).toMatch(
    /^NAME +PARENT +SUCCESS +RPS .* TIMEOUTS +RETRIES\ncanary\.gateway\.networking\.k8s\.io +service\/orders:80 +50\.00% .* 50\.00% +25\.00%\ncanary\.policy\.linkerd\.io +server\/web-http +- .*\nread +server\/web-http +-/,
  );
  expect(parse(yaml.out)).toMatchObject([
    {
      ...{ kind: 'httproute', group: 'gateway.networking.k8s.io', name: 'canary' },
      parent: { kind: 'service', namespace: 'shop', name: 'orders', port: 80 },
    },
    { group: 'policy.linkerd.io', name: 'canary', parent: { kind: 'server', name: 'web-http' } },
  ]);
  await expect(stat('httproute/none')).rejects.toMatchObject({
    error: { message: 'no httproute/none in namespace shop (-n names another, -A all)' },
  });
  await expect(stat('httproute/front')).rejects.toMatchObject({
    error: { message: expect.stringContaining('is one of a Service, Server or EgressNetwork') },
  });
  // The cluster has no such kind.
  await expect(stat('tlsroute')).rejects.toMatchObject({
    error: { message: expect.stringMatching(/^no tlsroute in /) },
  });
});

it('-w goes on until it is stopped', async () => {
  const { out } = await run(
    ['stat', 'httproute/canary', '-w', '--kubeconfig', cluster.kubeconfig, '-n', 'shop', '-t', '50ms'],
    {
      stopAfter: (text) => text.split('NAME').length > 2,
    },
  );
  expect(out).toMatch(/^NAME .*\ncanary.* service.*\ncanary.*\n\nNAME .*\ncanary/);
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
