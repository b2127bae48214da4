import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { PolicyWorld, type Seen } from '../testing.ts';
import { group, namespace, pod, policy, server, serverRef } from './testing.ts';

const jwk = { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), alg: 'EdDSA' };
const jwks = JSON.stringify({ keys: [jwk] });
const issuer = 'https://issuer.test';

let world: PolicyWorld | undefined;
afterEach(() => world?.stop());
const watch = async (objects: object[], flags: Record<string, string> = {}): Promise<Seen> => {
  world = await PolicyWorld.start([namespace(), pod(), ...objects], flags);
  const seen = world.watchPort(8080);
  await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
  return seen;
};
const users = (name: string, spec: object, targetRef: object = serverRef) => ({
  apiVersion: 'tulle.dev/v1alpha1',
  kind: 'RequestAuthentication',
  metadata: { name, namespace: 'shop' },
  spec: { targetRef, ...spec },
});
interface Told {
  readonly requestAuthentications?: readonly Record<string, unknown>[];
  readonly protocol: Record<string, { httpRoutes: readonly Told[] }>;
}
const toldBy = ({ messages }: Seen): Told => messages.at(-1) as Told;
const namesOf = ({ requestAuthentications = [] }: Told) =>
  requestAuthentications.map(({ metadata }) => (metadata as { resource: { name: string } }).resource.name);

it('what is said of a Server, its namespace and its routes is told with each', async () => {
  const route = policy('HTTPRoute', 'r', { parentRefs: [serverRef], rules: [{}] });
  const everything = {
    jwtRules: [
      {
        issuer,
        audiences: ['shop'],
        jwks,
        fromHeaders: [{ name: 'x-token' }],
        fromParams: ['t'],
        fromCookies: ['c'],
        forwardOriginalToken: true,
        outputClaimToHeaders: [{ header: 'x-user', claim: 'sub' }],
      },
    ],
  };
  const seen = await watch([
    server('web'),
    route,
    users('of-server', everything),
    users('of-namespace', { optional: true }, { kind: 'Namespace', name: 'shop' }),
    users('of-route', { requiredClaims: [{ claim: 'a', values: ['b'] }] }, { group, kind: 'HTTPRoute', name: 'r' }),
    users('of-another', {}, { group, kind: 'Server', name: 'other' }),
  ]);
  expect(namesOf(toldBy(seen))).toEqual(['of-namespace', 'of-server']);
  expect(toldBy(seen).requestAuthentications).toMatchObject([
    { optional: true },
    {
      rules: [
        {
          issuer,
          audiences: ['shop'],
          jwks,
          fromHeaders: [{ name: 'x-token' }],
          fromParams: ['t'],
          fromCookies: ['c'],
          forwardOriginalToken: true,
          claimsToHeaders: [{ header: 'x-user', claim: 'sub' }],
        },
      ],
    },
  ]);
  const [told] = toldBy(seen).protocol['detect'].httpRoutes;
  expect(told.requestAuthentications).toMatchObject([{ requiredClaims: [{ claim: 'a', values: ['b'] }] }]);
});

it('one that cannot hold is told as such, until it can, or is gone', async () => {
  const seen = await watch([server('web'), users('bad', { jwtRules: [{ issuer, jwks: '{' }] })]);
  expect(toldBy(seen).requestAuthentications).toMatchObject([{ unreadable: 'spec.jwtRules[0].jwks must be JSON' }]);
  world?.write(namespace(), pod(), server('web'), users('bad', { jwtRules: [{ issuer, jwks }] }));
  await vi.waitFor(() => expect(toldBy(seen).requestAuthentications).toMatchObject([{ rules: [{ issuer }] }]));
  world?.write(namespace(), pod(), server('web'));
  await vi.waitFor(() => expect(toldBy(seen).requestAuthentications).toBeUndefined());
});

it('a namespace has Servers of other protocols; who names one itself has it shut', async () => {
  const opaque = server('web', { proxyProtocol: 'opaque' });
  const seen = await watch([opaque, users('all', {}, { kind: 'Namespace', name: 'shop' })]);
  expect(toldBy(seen).requestAuthentications).toBeUndefined();
  world?.write(namespace(), pod(), opaque, users('own', {}));
  await vi.waitFor(() => expect(namesOf(toldBy(seen))).toEqual(['own']));
});

it('keys are fetched by the component: until they are known, a proxy is told that there are none', async () => {
  let answer = (): void => {};
  const asked = new Promise<void>((resolve) => {
    publisher.on('request', (_request, response) => {
      answer = () => response.end(JSON.stringify({ keys: [jwk, { kty: 'oct', k: 'AA' }] }));
      resolve();
    });
  });
  await new Promise<void>((done) => publisher.listen(0, '127.0.0.1', done));
  const jwksUri = `http://127.0.0.1:${(publisher.address() as AddressInfo).port}/keys`;
  const objects = [server('web'), users('users', { jwtRules: [{ issuer, jwksUri }] })];
  const seen = await watch(objects, { 'jwks-networks': '127.0.0.0/8' });
  expect(toldBy(seen).requestAuthentications).toMatchObject([{ rules: [{ issuer }] }]);
  expect(JSON.stringify(seen.messages)).not.toContain('jwks');
  await asked;
  const known = expect.stringMatching(new RegExp(`^\\{"keys":\\[[^\\]]*"x":"${jwk.x}"[^\\]}]*\\}\\]\\}$`));
  answer();
  await vi.waitFor(() => expect(toldBy(seen).requestAuthentications).toMatchObject([{ rules: [{ jwks: known }] }]));
  publisher.close();
});
const publisher = createServer();

it.each([
  ['the Server', serverRef],
  ['its namespace', { kind: 'Namespace', name: 'shop' }],
  ['one of its routes', { group, kind: 'HTTPRoute', name: 'r' }],
])('a sidecar of Linkerd’s, which would skip it, is told to let in nobody while %s has one', async (_, target) => {
  const open = server('web', { accessPolicy: 'all-unauthenticated' });
  const route = policy('HTTPRoute', 'r', { parentRefs: [serverRef], rules: [{}] });
  const linkerds = [namespace(), pod({ 'tulle.dev/data-plane': 'linkerd2' }), open, route];
  world = await PolicyWorld.start([...linkerds, users('u', { optional: true }, target)]);
  const seen = world.watchPort(8080);
  await vi.waitFor(() => expect(seen.messages).toHaveLength(1));
  expect(seen.messages[0]).toEqual({
    protocol: { detect: { timeout: '10s' } },
    labels: { group, kind: 'server', name: 'web' },
  });
  world.write(...linkerds);
  await vi.waitFor(() => expect(seen.messages).toHaveLength(2));
  expect(seen.messages[1]).toMatchObject({ authorizations: [{ labels: { name: 'all-unauthenticated' } }] });
});
