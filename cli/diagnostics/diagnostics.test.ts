import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { servePods } from '../testing/pods-of-processes.ts';
import { type CommandRun, run } from '../testing/run.ts';

const root = resolve(import.meta.dirname, '../..');

const owner = { kind: 'ReplicaSet', name: 'web-abc', controller: true };
const web = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...{ name: 'web-abc-1', namespace: 'shop', labels: { app: 'web', 'linkerd.io/control-plane-ns': 'tulle' } },
    ownerReferences: [owner],
  },
  spec: {
    containers: [{ name: 'web', ports: [{ containerPort: 8080 }] }],
    initContainers: [{ name: 'tulle-proxy', readinessProbe: { httpGet: { path: '/ready', port: 4191 } } }],
  },
  status: { phase: 'Running', podIP: '10.1.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
};
const labels = { 'kubernetes.io/service-name': 'web' };
const objects = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { clusterIP: '10.2.0.1', ports: [{ port: 80, targetPort: 8080 }], selector: { app: 'web' } },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'shop', labels },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.0.1'], targetRef: { kind: 'Pod', name: 'web-abc-1', namespace: 'shop' } }],
    ports: [{ name: '', port: 8080 }],
  },
  web,
];
const destination = {
  metadata: { name: 'tulle-destination-1', namespace: 'tulle' },
  spec: { containers: [{ name: 'destination', ports: [{ name: 'admin', containerPort: 9996 }] }] },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
};
const metadata = (name: string) => ({ metadata: { name, namespace: 'shop' } });

let component: ChildProcess;
let folder: string;
let cluster: Awaited<ReturnType<typeof servePods>>;
/** As a user sees it who may do everything in his own namespace, and nothing but port-forward in the mesh's. */
let narrow: Awaited<ReturnType<typeof servePods>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tulle-diagnostics-'));
  writeFileSync(join(folder, 'shop.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  const [grpc, policy, admin] = await Promise.all([freePort(), freePort(), freePort()]);
  component = spawn(
    process.execPath,
    [
      ...['control-plane/main.ts', 'destination', `--source=file:${folder}`, `--addr=127.0.0.1:${grpc}`],
      ...[`--policy-addr=127.0.0.1:${policy}`, `--admin-addr=127.0.0.1:${admin}`],
    ],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  await vi.waitFor(async () => expect((await fetch(`http://127.0.0.1:${admin}/ready`)).status).toBe(200), 20_000);
  cluster = await servePods({
    ports: { 8086: grpc, 8090: policy },
    answers: {
      '/api/v1/namespaces/tulle/pods': { items: [destination] },
      '/api/v1/namespaces/shop/pods': { items: [web] },
      '/apis/apps/v1/namespaces/shop/deployments': { items: [metadata('web')] },
      '/apis/apps/v1/namespaces/shop/replicasets': {
        items: [
          { metadata: { ...metadata('web-abc').metadata, ownerReferences: [{ kind: 'Deployment', name: 'web' }] } },
        ],
      },
      '/api/v1/namespaces/shop/pods/web-abc-1:4191/proxy/metrics': 'request_total 7\n',
      '/api/v1/namespaces/tulle/pods/tulle-destination-1:9996/proxy/metrics': 'services 1',
    },
  });
  narrow = await servePods({
    ports: { 8086: grpc, 8090: policy },
    answers: {
      '/api/v1/namespaces/tulle/configmaps/tulle-config': 403,
      '/api/v1/namespaces/tulle/pods': 403,
      '/api/v1/namespaces/shop/pods': {
        items: [
          { ...web, metadata: { ...web.metadata, labels: { ...web.metadata.labels, 'pod-template-hash': 'abc' } } },
        ],
      },
      '/apis/apps/v1/namespaces/shop/deployments': { items: [metadata('web')] },
      '/apis/apps/v1/namespaces/shop/replicasets': 403,
    },
  });
}, 30_000);

afterAll(async () => {
  cluster?.close();
  narrow?.close();
  if (component.exitCode === null) {
    component.kill();
    await once(component, 'exit');
  }
  rmSync(folder, { recursive: true });
});

const diagnostics = (...args: string[]): Promise<CommandRun> =>
  run(['diagnostics', ...args, '--kubeconfig', cluster.kubeconfig, '-n', 'shop']);

it('endpoints are those that the destination component tells proxies', async () => {
  const { out } = await diagnostics('endpoints', 'web.shop.svc.cluster.local:80');
  expect(out).toBe(
    'NAMESPACE   IP         PORT   POD         SERVICE\nshop        10.1.0.1   8080   web-abc-1   web.shop\n',
  );
  const json = await diagnostics('endpoints', 'web.shop.svc.cluster.local:80', '-o', 'json');
  expect(JSON.parse(json.out)).toMatchObject([{ ip: '10.1.0.1', http2: true, labels: { pod: 'web-abc-1' } }]);
});

it('an authority that is none is told with what the component says', async () => {
  const { error } = await diagnostics('endpoints', 'web.example:80').catch((failure) => failure);
  expect(error.message).toMatch(/^context 'test' .*: tulle-destination-1: .*web\.example/);
});

it('an authority that is none does not keep the others from being told', async () => {
  const { out, error } = await diagnostics('endpoints', 'web.example:80', 'web.shop.svc.cluster.local:80').catch(
    (failure) => failure,
  );
  expect(out).toMatch(/^NAMESPACE .*\nshop +10\.1\.0\.1 /);
  expect(error.message).toMatch(/web\.example/);
});

it('a user who may not look into the mesh’s namespace is told what he may be, and what stands in the way', async () => {
  const ask = (...args: string[]): Promise<CommandRun> =>
    run(['diagnostics', ...args, '--kubeconfig', narrow.kubeconfig, '-n', 'shop']);
  const pod = ['--destination-pod', 'tulle-destination-1'];
  const { out, err } = await ask('policy', 'svc/web', '80', '-o', 'json', ...pod);
  expect(JSON.parse(out).metadata.resource).toMatchObject({ name: 'web' });
  expect(err).toMatch(
    /^warning: the cluster's domain is taken to be cluster\.local: you may not get configmaps\/tulle-config /,
  );
  // Its ReplicaSets may not be listed, and their names tell enough.
  expect(parse((await ask('policy', 'deploy/web', '8080', ...pod)).out)).toMatchObject({ protocol: { detect: {} } });
  for (const command of [
    ['profile', '10.2.0.1:80'],
    ['endpoints', 'web.shop.svc.cluster.local:80'],
    ['policy', 'svc/web', '80'],
  ]) {
    const { error } = await ask(...command).catch((failure) => failure);
    expect(error.message).toMatch(/you may not list pods in namespace tulle: .*name one with --destination-pod/);
  }
});

it('a profile is that of a name or an address', async () => {
  const { out } = await diagnostics('profile', '10.2.0.1:80');
  expect(JSON.parse(out)).toMatchObject({ fullyQualifiedName: 'web.shop.svc.cluster.local' });
});

it('policy is inbound of a workload, outbound of a Service', async () => {
  const inbound = parse((await diagnostics('policy', 'deploy/web', '8080')).out);
  expect(inbound).toMatchObject({ protocol: { detect: {} }, labels: { name: 'all-unauthenticated' } });
  const outbound = JSON.parse((await diagnostics('policy', 'svc/web', '80', '-o', 'json')).out);
  expect(outbound.metadata.resource).toMatchObject({ kind: 'Service', name: 'web', namespace: 'shop' });
});

it('metrics are those of the sidecars, and of the components', async () => {
  expect((await diagnostics('proxy-metrics', 'deploy/web')).out).toBe(
    '#\n# pod shop/web-abc-1, container tulle-proxy\n#\nrequest_total 7\n',
  );
  expect((await diagnostics('controller-metrics')).out).toBe(
    '#\n# pod tulle/tulle-destination-1, container destination\n#\nservices 1\n',
  );
});

it('what is not there is named', async () => {
  const { error } = await diagnostics('proxy-metrics', 'po/other').catch((failure) => failure);
  expect(error.message).toContain('no pod/other in namespace shop');
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
