import { describe, expect, it, vi } from 'vitest';
import { injectConfig, type Metadata } from '../../lib/inject/index.ts';
import { Unavailable } from '../webhook/webhook-server.ts';
import { injector } from './admission.ts';
import { admit } from './testing/admit.ts';

const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', controller: true };
const pod = (metadata: Metadata = {}, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'web-', namespace: 'shop', ...metadata },
  spec: { containers: [{ name: 'web', image: 'shop/web' }], ...spec },
});
const shop = (annotations: Record<string, string>) => ({
  namespaces: new Map([['shop', { name: 'shop', annotations }]]),
});
const enabled = shop({ 'tulle.dev/inject': 'enabled', 'config.tulle.dev/opaque-ports': '9000' });
const silent = shop({ 'config.tulle.dev/opaque-ports': '9000' });

describe('a pod', () => {
  it('of a namespace that asks for it gets a sidecar, the settings of the namespace and the label of its owner', async () => {
    const { object, response } = await admit(pod({ ownerReferences: [deployment] }), enabled);
    expect(response.allowed).toBe(true);
    expect(object.spec?.initContainers).toMatchObject([{ name: 'tulle-init' }, { name: 'tulle-proxy' }]);
    expect(object.metadata).toMatchObject({
      labels: { 'linkerd.io/proxy-deployment': 'web', 'linkerd.io/workload-ns': 'shop' },
      annotations: { 'config.tulle.dev/opaque-ports': '9000' },
    });
  });

  it('without a sidecar gets the opaque ports of its namespace, unless it names its own', async () => {
    const { operations } = await admit(pod(), silent);
    expect(operations).toEqual([
      { op: 'add', path: '/metadata/annotations', value: { 'config.tulle.dev/opaque-ports': '9000' } },
    ]);
    const own = { annotations: { 'config.linkerd.io/opaque-ports': '1' } };
    expect((await admit(pod(own), silent)).operations).toEqual([]);
    expect((await admit(pod(), shop({}))).operations).toEqual([]);
  });

  it.each<[string, Metadata, object, string]>([
    ['of the host network', {}, { hostNetwork: true }, 'no sidecar: hostNetwork is enabled'],
    [
      'that is disabled',
      { annotations: { 'tulle.dev/inject': 'disabled' } },
      {},
      'no sidecar: pod has the annotation "tulle.dev/inject:disabled"',
    ],
  ])('%s is left as it is, and its owner told why', async (_, metadata, spec, message) => {
    const input = pod({ ...metadata, ownerReferences: [deployment] }, spec);
    const { operations, events } = await admit(input, shop({ 'tulle.dev/inject': 'enabled' }));
    expect(operations).toEqual([]);
    expect(events).toMatchObject([
      { owner: { kind: 'Deployment', name: 'web', namespace: 'shop' }, event: { reason: 'InjectionSkipped', message } },
    ]);
  });

  it('is told of on its owner, but not for a dry run', async () => {
    const input = pod({ ownerReferences: [deployment] });
    expect((await admit(input, enabled)).events).toMatchObject([{ event: { reason: 'Injected' } }]);
    const dry = await admit(input, { ...enabled, request: { dryRun: true } });
    expect(dry.events).toEqual([]);
    expect(dry.operations.length).toBeGreaterThan(0);
  });

  it('with a wrong setting gets its sidecar, and whoever made it a warning', async () => {
    const annotations = { 'config.tulle.dev/opaque-ports': 'many!' };
    const { object, response } = await admit(pod({ annotations }), enabled);
    expect(object.spec?.initContainers).toHaveLength(2);
    expect(response.warnings).toEqual([
      'pod/web-: metadata.annotations["config.tulle.dev/opaque-ports"]: ' +
        "'many!' must be ports, ranges and names of container ports such as 25,4000-4100,mysql; the value is ignored",
    ]);
  });

  it('whose owner has a name that no label can hold is injected without the label', async () => {
    const owner = { ...deployment, name: 'w'.repeat(64) };
    const { object, response } = await admit(pod({ ownerReferences: [owner] }), enabled);
    expect(response.warnings).toEqual([expect.stringContaining('has 64 characters, and a label at most 63')]);
    expect(Object.keys(object.metadata?.labels ?? {})).toEqual([
      'linkerd.io/control-plane-ns',
      'linkerd.io/workload-ns',
    ]);
  });

  it('is only looked at when it is created', async () => {
    expect((await admit(pod(), { ...enabled, request: { operation: 'UPDATE' } })).operations).toEqual([]);
  });
});

describe('a Service', () => {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'db', namespace: 'shop' },
    spec: { ports: [{ port: 13306, targetPort: 3306 }] },
  };

  it('says which of its ports are opaque: those of its namespace, else those of the mesh', async () => {
    const annotated = (ports: string) => [
      { op: 'add', path: '/metadata/annotations', value: { 'config.tulle.dev/opaque-ports': ports } },
    ];
    expect((await admit(service, silent)).operations).toEqual(annotated('9000'));
    expect((await admit(service)).operations).toEqual(annotated('13306'));
  });

  it('is left alone where nothing is opaque', async () => {
    expect((await admit({ ...service, spec: { ports: [{ port: 80 }] } })).operations).toEqual([]);
  });
});

it('other kinds, and kinds of other groups, pass', async () => {
  const { response } = await admit({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'shop' } });
  expect(response).toEqual({ allowed: true });
  const request = { kind: { group: 'serving.knative.dev', version: 'v1', kind: 'Service' } };
  expect((await admit(pod(), { ...enabled, request })).response).toEqual({ allowed: true });
});

it('without its configuration the webhook decides nothing', async () => {
  const handle = injector({
    config: () => undefined,
    namespace: async (name) => ({ name }),
    owner: async () => undefined,
    record: () => expect.unreachable(),
    metrics: { request: vi.fn(), response: vi.fn() },
  });
  await expect(handle({ object: pod() } as never)).rejects.toThrow(Unavailable);
});

it('the configuration of the request is that of the moment', async () => {
  const config = injectConfig({ defaults: { version: '9.9.9' } });
  const { object } = await admit(pod(), { ...enabled, config });
  expect(JSON.stringify(object)).toContain('tulle-proxy:9.9.9');
});
