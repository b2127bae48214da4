import { describe, expect, it } from 'vitest';
import { type CallOptions, MeshModel } from './mesh-model.ts';

const namespace = 'shop';
const object = (apiVersion: string, kind: string, name: string, spec: object) => ({
  ...{ apiVersion, kind, metadata: { name, namespace }, spec },
});
const workload = (
  name: string,
  mode: string,
  settings: Record<string, string> = {},
  kind = 'Deployment',
  more = {},
) => {
  const own = Object.entries(settings).map(([setting, value]) => [`config.tulle.dev/${setting}`, value]);
  return object('apps/v1', kind, name, {
    ...{ selector: { matchLabels: { app: name } }, ...more },
    template: {
      metadata: { labels: { app: name }, annotations: { 'tulle.dev/inject': mode, ...Object.fromEntries(own) } },
      spec: { serviceAccountName: name, containers: [{ name, image: name, ports: [{ containerPort: 8080 }] }] },
    },
  });
};
const service = (name: string, spec: object = {}) =>
  object('v1', 'Service', name, { selector: { app: name }, ports: [{ port: 8080 }], ...spec });
const group = 'policy.linkerd.io';
const guard = (name: string) => [
  object(`${group}/v1beta3`, 'Server', name, {
    ...{ podSelector: { matchLabels: { app: name } }, port: 8080, accessPolicy: 'all-authenticated' },
  }),
];
const deny = object(`${group}/v1alpha1`, 'EgressNetwork', 'outside', { trafficPolicy: 'Deny' });
const letOut = object('gateway.networking.k8s.io/v1', 'HTTPRoute', 'api', {
  parentRefs: [{ group, kind: 'EgressNetwork', name: 'outside', port: 80 }],
  hostnames: ['api.example'],
  rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/v1' } }] }],
});
const callOf = (objects: object[], options: CallOptions) =>
  MeshModel.fromObjects([...objects, workload('db', 'enabled'), service('db'), ...guard('db')]).call(options);

describe('what is called outside by its name', () => {
  const called = (to: string, mode = 'enabled', ...more: object[]) =>
    callOf([workload('web', mode), deny, letOut, ...more], { from: 'shop/web', to });

  it('is held to the egress policy, for connections are led to the sidecar with the address that it has', () => {
    const refused = { allowed: false, status: 403, backends: [] };
    expect(called('http://api.example/v1')).toMatchObject({
      ...{ allowed: true, route: 'HTTPRoute shop/api', status: undefined, mtls: false },
      backends: [{ service: 'api.example', port: 80, share: 1 }],
    });
    expect(called('http://api.example/v2')).toMatchObject(refused);
    expect(called('http://other.example/v1')).toMatchObject(refused);
    expect(called('tls://api.example')).toMatchObject({ allowed: false, status: 0 });
    expect(called('tcp://api.example:25')).toMatchObject({ allowed: false, status: 0 });
  });

  it('is let out where nothing is said, and where applications ask their sidecar, which is told a name', () => {
    expect(callOf([workload('web', 'enabled')], { from: 'shop/web', to: 'http://api.example/v2' })).toMatchObject({
      ...{ allowed: true, by: 'outside of the mesh' },
      backends: [{ service: 'api.example', port: 80 }],
    });
    expect(called('http://api.example/v2', 'explicit').allowed).toBe(true);
  });

  it('is outside too by the name of an ExternalName', () => {
    const name = service('api', { type: 'ExternalName', externalName: 'api.example', selector: undefined });
    expect(called('http://api:80/', 'enabled', name)).toMatchObject({ allowed: false, status: 403 });
    expect(called('http://api:80/', 'explicit', name)).toMatchObject({ allowed: true, by: 'outside of the mesh' });
  });
});

describe('a call that passes by the sidecar proves nothing', () => {
  const refused = { allowed: false, mtls: false, by: 'nothing lets this client in' };

  it.each([
    ['since its pod skips the port', 'enabled', { 'skip-outbound-ports': '8000-8100' }, 'http://db:8080/', 403],
    ['since it is no HTTP, in explicit mode', 'explicit', {}, 'tcp://db:8080', 0],
  ])('%s', (_, mode, settings, to, status) => {
    expect(callOf([workload('web', mode, settings)], { from: 'shop/web', to })).toMatchObject({ ...refused, status });
  });

  it('and one to a port that skips the sidecar of who is called is let in, whatever policy says', () => {
    const cache = [workload('cache', 'enabled', { 'skip-inbound-ports': '8080' }), service('cache'), ...guard('cache')];
    const model = MeshModel.fromObjects([workload('web', 'enabled'), ...cache]);
    const called = { allowed: true, mtls: false, by: 'skipped port' };
    expect(model.call({ from: 'shop/web', to: 'http://cache:8080/' })).toMatchObject(called);
    expect(model.call({ to: 'http://cache.shop:8080/' })).toMatchObject(called);
    expect(model.callersOf('shop/cache')).toContain('*');
  });
});

it('an ingress goes by the host of requests where that is a Service, and by what the header for it says', () => {
  const called = (headers: Record<string, string>, mode = 'ingress') =>
    callOf([workload('edge', mode), workload('web', 'enabled'), service('web')], {
      ...{ from: 'shop/edge', to: 'http://web:8080/', headers },
    }).backends.map((backend) => backend.service);
  expect(called({ host: 'db.shop:8080' })).toEqual(['db']);
  expect(called({ host: 'shop.example' })).toEqual(['web']);
  expect(called({ host: 'shop.example', 'l5d-dst-override': 'db.shop.svc.cluster.local:8080' })).toEqual(['db']);
  expect(called({ host: 'db.shop:8080' }, 'enabled')).toEqual(['web']);
});

it('a pod by its address is called by mutual TLS, as sidecars find it by that', () => {
  const model = MeshModel.fromObjects([workload('web', 'enabled'), workload('db', 'enabled'), ...guard('db')]);
  const to = 'http://10.244.0.2:8080/';
  expect(model.call({ from: 'shop/web', to })).toMatchObject({ allowed: true, mtls: true });
  expect(model.call({ to })).toMatchObject({ allowed: false, mtls: false });
});

it('each pod of a StatefulSet is called by its name, as many as it has replicas', () => {
  const set = (more: object) =>
    MeshModel.fromObjects([
      ...[workload('web', 'enabled'), workload('ring', 'enabled', {}, 'StatefulSet', more)],
      service('ring', { clusterIP: 'None' }),
    ]);
  const called = (more: object, ordinal: number) =>
    set(more).call({ from: 'shop/web', to: `http://ring-${ordinal}.ring:8080/` }).status;
  const three = { replicas: 3 };
  expect([0, 1, 2, 3].map((ordinal) => called(three, ordinal))).toEqual([undefined, undefined, undefined, 504]);
  const fromTen = { replicas: 2, ordinals: { start: 10 } };
  expect([0, 10, 11, 12].map((ordinal) => called(fromTen, ordinal))).toEqual([504, undefined, undefined, 504]);
  expect(called({ replicas: 1e9 }, 99)).toBeUndefined();
  expect(called({ replicas: null }, 0)).toBeUndefined();
  expect(set(three).call({ from: 'shop/web', to: 'http://ring:8080/' })).toMatchObject({ allowed: true, mtls: true });
});
