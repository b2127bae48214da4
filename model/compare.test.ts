import { expect, it, vi } from 'vitest';
import { MeshModel } from './mesh-model.ts';

const namespaces = ['shop', 'bank', 'ops'];
const namespaceOf = (index: number): string => namespaces[index % namespaces.length];

/** A workload with its Service, `w0.shop`, `w1.bank`, ... */
function workload(index: number): object[] {
  const metadata = { name: `w${index}`, namespace: namespaceOf(index) };
  const labels = { app: metadata.name };
  const containers = [{ name: 'app', image: 'app', ports: [{ containerPort: 8080 }] }];
  const template = { metadata: { labels }, spec: { serviceAccountName: metadata.name, containers } };
  return [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { selector: { matchLabels: labels }, template } },
    service(metadata, { selector: labels, ports: [{ port: 80, targetPort: 8080 }] }),
  ];
}
const service = (metadata: object, spec: object): object => ({ apiVersion: 'v1', kind: 'Service', metadata, spec });

const meshed = namespaces.map((name) => ({
  ...{ apiVersion: 'v1', kind: 'Namespace' },
  metadata: { name, annotations: name === 'ops' ? {} : { 'tulle.dev/inject': 'enabled' } },
}));
const mesh = (count: number, ...more: object[]): object[] => [
  ...meshed,
  ...Array.from({ length: count }, (_, index) => workload(index)).flat(),
  ...more,
];

/** Sends calls to `w0.shop` from one namespace elsewhere. */
const route = (namespace: string, backend: number): object => ({
  ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: 'r', namespace } },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: 'w0', namespace: 'shop', port: 80 }],
    rules: [{ backendRefs: [{ name: `w${backend}`, namespace: namespaceOf(backend), port: 80 }] }],
  },
});

it.each([
  ['a route of the callers’ namespace', route('bank', 1)],
  ['a route beside the Service', route('shop', 3)],
  [
    'a profile of the callers’ namespace',
    {
      ...{ apiVersion: 'linkerd.io/v1alpha2', kind: 'ServiceProfile' },
      metadata: { name: 'w0.shop.svc.cluster.local', namespace: 'bank' },
      spec: { dstOverrides: [{ authority: 'w1.bank.svc.cluster.local:80', weight: 1 }] },
    },
  ],
  [
    'a headless Service of the callers’ namespace whose pods have such names',
    service({ name: 'shop', namespace: 'bank' }, { clusterIP: 'None', selector: { app: 'w1' }, ports: [{ port: 80 }] }),
  ],
])('%s moves the calls of exactly those for whom it holds', (_, rule) => {
  const [before, after] = [MeshModel.fromObjects(mesh(6)), MeshModel.fromObjects(mesh(6, rule))];
  const to = 'http://w0.shop:80/';
  const wayOf = (model: MeshModel, from: string): unknown => {
    const { route, backends, mtls } = model.call({ from, to });
    return { route, mtls, backends: backends.map(({ service, share }) => [service, share]) };
  };
  const changed = after.workloads.filter(
    (from) => JSON.stringify(wayOf(before, from)) !== JSON.stringify(wayOf(after, from)),
  );
  const { moved, shut } = MeshModel.compare(before, after);
  const told = [...moved.filter((call) => call.to === to), ...shut.filter((call) => call.to === 'shop/service/w0')];
  expect(changed).not.toEqual([]);
  expect(told.map(({ from }) => from).sort()).toEqual([...changed].sort());
});

it('calls to a Service that is gone, or to a port that it has no more, are shut', () => {
  const more = service(
    { name: 'more', namespace: 'shop' },
    {
      selector: { app: 'w0' },
      ports: [
        { name: 'a', port: 80, targetPort: 8080 },
        { name: 'b', port: 81, targetPort: 8080 },
      ],
    },
  );
  const less = service(
    { name: 'more', namespace: 'shop' },
    { selector: { app: 'w0' }, ports: [{ port: 80, targetPort: 8080 }] },
  );
  const old = MeshModel.fromObjects(mesh(2, more));
  const call = { from: 'bank/deployment/w1', to: 'shop/service/more', route: undefined };
  const shutBy = (...objects: object[]) => MeshModel.compare(old, MeshModel.fromObjects(objects)).shut;
  const from = ({ from }: { from: string }): boolean => from === call.from;
  expect(shutBy(...mesh(2)).filter(from)).toEqual([
    { ...call, port: 80 },
    { ...call, port: 81 },
  ]);
  expect(shutBy(...mesh(2, less)).filter(from)).toEqual([{ ...call, port: 81 }]);
  // Who calls is gone with it.
  expect(shutBy(...mesh(1)).filter(from)).toEqual([]);
  expect(MeshModel.compare(MeshModel.fromObjects(mesh(2)), old).shut).toEqual([]);
});

it('callers that are alike are asked once for each Service', () => {
  const count = 30;
  const models = [MeshModel.fromObjects(mesh(count)), MeshModel.fromObjects(mesh(count, route('shop', 3)))];
  const asked = models.map((model) => vi.spyOn(model, 'call'));
  const { moved } = MeshModel.compare(models[0], models[1]);
  // All that have a sidecar.
  expect(moved).toHaveLength(20);
  // Of each Service those of its own namespace, and of others those with a sidecar and those without.
  for (const { mock } of asked) expect(mock.calls.length).toBeLessThanOrEqual(3 * count);
});
