import { afterEach, expect, it, vi } from 'vitest';
import { PolicyWorld, type Seen } from '../testing.ts';
import { group, namespace, pod, policy, server, serverRef } from './testing.ts';

let world: PolicyWorld | undefined;
afterEach(() => world?.stop());
const watch = async (...objects: object[]): Promise<Seen> => {
  world = await PolicyWorld.start([namespace(), pod(), ...objects]);
  const seen = world.watchPort(8080);
  await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
  return seen;
};
const asks = (name: string, spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'tulle.dev/v1alpha1',
  kind: 'ExternalAuthorization',
  metadata: { name, namespace: 'shop', ...metadata },
  spec: { targetRef: serverRef, backendRef: { name: 'opa', port: 9191 }, ...spec },
});
const service = (name = 'opa', of = 'shop') => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: of },
  spec: { ports: [{ port: 9191 }] },
});
const grant = {
  apiVersion: 'gateway.networking.k8s.io/v1beta1',
  kind: 'ReferenceGrant',
  metadata: { name: 'g', namespace: 'policy' },
  spec: {
    from: [{ group: 'tulle.dev', kind: 'ExternalAuthorization', namespace: 'shop' }],
    to: [{ group: '', kind: 'Service' }],
  },
};
const elsewhere = { backendRef: { name: 'opa', namespace: 'policy', port: 9191 } };
interface Told {
  readonly externalAuthorization?: Record<string, unknown>;
  readonly protocol: Record<string, { httpRoutes: readonly Told[] }>;
}
const toldBy = ({ messages }: Seen): Told => messages.at(-1) as Told;
const asked = (seen: Seen) => toldBy(seen).externalAuthorization;

it('what is said of a Server is told with it, and what is said of a route with that', async () => {
  const route = policy('HTTPRoute', 'r', { parentRefs: [serverRef], rules: [{}] });
  const everything = {
    timeout: '1s500ms',
    failureMode: 'Open',
    includeRequestHeaders: ['authorization'],
    headersToBackend: ['x-user'],
    contextExtensions: { tenant: 'shop' },
  };
  const ofRoute = { targetRef: { group, kind: 'HTTPRoute', name: 'r' } };
  const seen = await watch(server('web'), route, service(), asks('of-server', everything), asks('of-route', ofRoute));
  expect(asked(seen)).toEqual({
    metadata: { resource: { group: 'tulle.dev', kind: 'externalauthorization', name: 'of-server' } },
    authority: 'opa.shop.svc.cluster.local:9191',
    timeout: '1.500s',
    failOpen: true,
    includeRequestHeaders: { names: ['authorization'] },
    headersToBackend: ['x-user'],
    contextExtensions: { tenant: 'shop' },
  });
  expect(toldBy(seen).protocol['detect'].httpRoutes[0].externalAuthorization).toEqual({
    metadata: { resource: { group: 'tulle.dev', kind: 'externalauthorization', name: 'of-route' } },
    authority: 'opa.shop.svc.cluster.local:9191',
  });
});

it('a sidecar of Linkerd’s, which would skip it, is told to let in nobody', async () => {
  const open = server('web', { accessPolicy: 'all-unauthenticated' });
  world = await PolicyWorld.start([
    namespace(),
    pod({ 'tulle.dev/data-plane': 'linkerd2' }),
    open,
    service(),
    asks('a'),
  ]);
  const seen = world.watchPort(8080);
  await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
  expect(seen.messages[0]).toEqual({
    protocol: { detect: { timeout: '10s' } },
    labels: { group, kind: 'server', name: 'web' },
  });
});

it('of two of one target the oldest holds, whether or not it is right', async () => {
  const old = { creationTimestamp: '2020-01-01T00:00:00Z' };
  const young = { creationTimestamp: '2021-01-01T00:00:00Z' };
  const seen = await watch(server('web'), service(), asks('a', {}, young), asks('b', { timeout: '1h' }, old));
  expect(asked(seen)).toEqual({
    metadata: { resource: { group: 'tulle.dev', kind: 'externalauthorization', name: 'b' } },
    unusable: 'the object is wrong: spec.timeout (1h) must be from 1ms to 10s',
  });
  world?.write(namespace(), pod(), server('web'), service(), asks('a', {}, young));
  await vi.waitFor(() => expect(asked(seen)).toMatchObject({ authority: 'opa.shop.svc.cluster.local:9191' }));
});

it('an authorizer that is not there cannot be asked, until it is', async () => {
  const seen = await watch(server('web'), asks('a', { failureMode: 'Open' }));
  expect(asked(seen)).toMatchObject({ unusable: 'there is no Service shop/opa', failOpen: true });
  world?.write(namespace(), pod(), server('web'), service(), asks('a'));
  await vi.waitFor(() => expect(asked(seen)).not.toHaveProperty('unusable'));
});

it('one of another namespace is to be granted there, and whether it is there is told nobody else', async () => {
  const ungranted = {
    unusable: 'no ReferenceGrant in namespace policy lets this object name Service policy/opa',
  };
  const seen = await watch(server('web'), service('opa', 'policy'), asks('a', elsewhere));
  expect(asked(seen)).toMatchObject(ungranted);
  world?.write(namespace(), pod(), server('web'), service('opa', 'policy'), asks('a', elsewhere), grant);
  await vi.waitFor(() => expect(asked(seen)).not.toHaveProperty('unusable'));
  expect(asked(seen)).toMatchObject({ authority: 'opa.policy.svc.cluster.local:9191' });
  world?.write(namespace(), pod(), server('web'), asks('a', elsewhere));
  await vi.waitFor(() => expect(asked(seen)).toMatchObject(ungranted));
});

it('one that is wrong shuts its target, also where it says that failures let in', async () => {
  const wrong = asks('a', { failureMode: 'Open', headersToBackend: ['host'] });
  const seen = await watch(server('web'), service(), wrong);
  expect(asked(seen)).toMatchObject({
    unusable: expect.stringMatching(/^the object is wrong: spec\.headersToBackend/),
  });
  expect(asked(seen)).not.toHaveProperty('failOpen');
});

it('goes, and nobody is asked any more', async () => {
  const seen = await watch(server('web'), service(), asks('a'));
  expect(asked(seen)).toBeDefined();
  world?.write(namespace(), pod(), server('web'), service());
  await vi.waitFor(() => expect(asked(seen)).toBeUndefined());
});
