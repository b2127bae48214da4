import { describe, expect, test } from 'vitest';
import {
  account,
  authorizers,
  authz,
  clientIdentity,
  group,
  inboundPolicies,
  pod,
  policy,
  server,
  serverRef,
} from './testing.ts';

const { policyOf } = inboundPolicies();

describe('a client is authorized by', () => {
  const target = { serviceAccounts: [{ name: 'client', namespace: 'other' }] };
  test.each<[string, object[], [networks: object[], authentication: object]]>([
    [
      'a ServerAuthorization by name, from the cluster’s networks',
      [policy('ServerAuthorization', 'a', { server: { name: 'web' }, client: { meshTLS: target } })],
      [
        [{ net: { ip: { ipv4: 0x0a000000 }, prefixLen: 8 } }],
        { meshTLS: { identities: { identities: [{ name: clientIdentity }] } } },
      ],
    ],
    [
      'a ServerAuthorization by label, without an identity',
      [
        policy('ServerAuthorization', 'a', {
          server: { selector: { matchLabels: { tier: 'front' } } },
          client: {
            meshTLS: { unauthenticatedTLS: true },
            networks: [{ cidr: '192.0.2.0/24', except: ['192.0.2.1'] }],
          },
        }),
      ],
      [
        [
          {
            net: { ip: { ipv4: 0xc0000200 }, prefixLen: 24 },
            except: [{ ip: { ipv4: 0xc0000201 }, prefixLen: 32 }],
          },
        ],
        { meshTLS: { unauthenticated: {} } },
      ],
    ],
    [
      'an AuthorizationPolicy for the Server that names a ServiceAccount',
      [authz('a', serverRef, account)],
      [everywhere(), { meshTLS: { identities: { identities: [{ name: clientIdentity }] } } }],
    ],
    [
      'an AuthorizationPolicy for the namespace that asks for nothing',
      [authz('a', { kind: 'Namespace', name: 'shop' })],
      [everywhere(), { unauthenticated: {} }],
    ],
    [
      'a MeshTLSAuthentication with names, suffixes and references, and a NetworkAuthentication',
      [
        policy('MeshTLSAuthentication', 'm', { identities: ['a.b', '*.c.d', '*'] }),
        policy('NetworkAuthentication', 'n', { networks: [{ cidr: '2001:db8::/32' }] }),
        authz(
          'a',
          serverRef,
          { group, kind: 'MeshTLSAuthentication', name: 'm' },
          { group, kind: 'NetworkAuthentication', name: 'n' },
        ),
      ],
      [
        [{ net: { ip: { ipv6: { first: '2306139568115548160' } }, prefixLen: 32 } }],
        { meshTLS: { identities: { identities: [{ name: 'a.b' }], suffixes: [{ parts: ['c', 'd'] }, {}] } } },
      ],
    ],
    [
      'a MeshTLSAuthentication of a whole namespace',
      [
        policy('MeshTLSAuthentication', 'm', { identityRefs: [{ kind: 'Namespace', name: 'other' }] }),
        authz('a', serverRef, { group, kind: 'MeshTLSAuthentication', name: 'm' }),
      ],
      [
        everywhere(),
        {
          meshTLS: {
            identities: { suffixes: [{ parts: 'other.serviceaccount.identity.tulle.cluster.local'.split('.') }] },
          },
        },
      ],
    ],
  ])('%s', async (_name, objects, [networks, authentication]) => {
    const found = await policyOf(8080, pod(), server('web', {}, { labels: { tier: 'front' } }), ...objects);
    expect(found.authorizations).toMatchObject([{ networks, authentication, labels: { name: 'a' } }]);
  });

  test.each<[string, object[]]>([
    [
      'a policy that refers to what is not there',
      [authz('a', serverRef, { group, kind: 'MeshTLSAuthentication', name: 'm' })],
    ],
    ['a policy with a kind that is not known', [authz('a', serverRef, account, { kind: 'User', name: 'u' })]],
    ['a policy for another Server', [authz('a', { ...serverRef, name: 'other' })]],
    ['a policy for a route', [authz('a', { group, kind: 'HTTPRoute', name: 'r' })]],
    [
      'a ServerAuthorization that names nobody',
      [policy('ServerAuthorization', 'a', { server: { name: 'web' }, client: {} })],
    ],
    [
      'a ServerAuthorization for other Servers',
      [
        policy('ServerAuthorization', 'a', {
          server: { selector: { matchLabels: { x: 'y' } } },
          client: { unauthenticated: true },
        }),
      ],
    ],
  ])('nobody, for %s', async (_name, objects) => {
    expect(authorizers(await policyOf(8080, pod(), server('web'), ...objects))).toEqual([]);
  });

  test('an authorization before the access policy', async () => {
    const objects = [server('web', { accessPolicy: 'audit' }), authz('z', serverRef, account)];
    expect(authorizers(await policyOf(8080, pod(), ...objects))).toEqual(['z', 'audit']);
  });
});

test('an object that is broken lets nobody in, and costs the others nothing', async () => {
  const broken = [
    policy('Server', 'a', { podSelector: { matchExpressions: 'x' }, port: 8080 }),
    policy('Server', 'b', { port: {} }),
    { ...policy('Server', 'c', {}), spec: undefined },
    authz('d', {}),
    authz('e', serverRef, account, account),
    policy('ServerAuthorization', 'f', { server: { name: 'web' } }),
    policy('MeshTLSAuthentication', 'g', { identities: ['a b'] }),
    authz('h', serverRef, { group, kind: 'MeshTLSAuthentication', name: 'g' }),
    policy('NetworkAuthentication', 'i', {}),
    { ...policy('HTTPRoute', 'j', {}), spec: null },
    policy('HTTPRoute', 'k', { parentRefs: 'x' }),
    policy('HTTPRoute', 'l', { parentRefs: [serverRef], rules: [{ matches: [{ path: { value: 'x' } }] }] }),
  ];
  const found = await policyOf(8080, pod(), ...broken, server('web'), authz('z', serverRef, account));
  expect([found.labels, authorizers(found)]).toMatchObject([{ name: 'web' }, ['z']]);
});

function everywhere() {
  return [{ net: { ip: { ipv4: 0 } } }, { net: { ip: { ipv6: {} } } }];
}
