import { describe, expect, test } from 'vitest';
import { authorizers, group, inboundPolicies, namespace, pod, server } from './testing.ts';

const { policyOf } = inboundPolicies();

describe('the Server of a port', () => {
  test.each<[string, number, object[], string]>([
    ['selects it by number', 8080, [server('web')], 'web'],
    ['selects it by the name of a container’s port', 9090, [server('web', { port: 'admin' })], 'web'],
    ['does not select another port', 9090, [server('web')], 'all-unauthenticated'],
    [
      'does not select a pod without the label',
      8080,
      [server('web', { podSelector: { matchLabels: { app: 'x' } } })],
      'all-unauthenticated',
    ],
    [
      'may select by expression',
      8080,
      [server('web', { podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['a', 'web'] }] } })],
      'web',
    ],
    ['of another namespace does not count', 8080, [server('web', {}, { namespace: 'other' })], 'all-unauthenticated'],
    [
      'is the oldest of several',
      8080,
      [
        server('a', {}, { creationTimestamp: '2026-02-02T00:00:00Z' }),
        server('b', {}, { creationTimestamp: '2026-01-01T00:00:00Z' }),
        server('c', {}, { creationTimestamp: '2026-03-03T00:00:00Z' }),
      ],
      'b',
    ],
    ['is the first by name when they are of one age', 8080, [server('b'), server('a')], 'a'],
  ])('%s', async (_name, port, servers, expected) => {
    expect((await policyOf(port, pod(), ...servers)).labels).toMatchObject({ name: expected });
  });

  test.each([
    [undefined, 'detect'],
    ['unknown', 'detect'],
    ['HTTP/1', 'http1'],
    ['HTTP/2', 'http2'],
    ['gRPC', 'grpc'],
    ['opaque', 'opaque'],
    ['TLS', 'tls'],
    ['no such protocol', 'detect'],
  ])('with the protocol %s makes the port %s', async (proxyProtocol, kind) => {
    const found = await policyOf(8080, pod(), server('web', { proxyProtocol }));
    expect(Object.keys(found.protocol)).toEqual([kind]);
    expect(found.labels).toEqual({ group, kind: 'server', name: 'web' });
  });

  test.each([
    [undefined, []],
    ['deny', []],
    ['no such policy', []],
    ['audit', ['audit']],
    ['cluster-authenticated', ['cluster-authenticated']],
  ])('with the access policy %s lets in those of %j without an authorization', async (accessPolicy, expected) => {
    expect(authorizers(await policyOf(8080, pod(), server('web', { accessPolicy })))).toEqual(expected);
  });
});

describe('the default policy', () => {
  test.each<[string, object, object, string]>([
    ['is the mesh’s', {}, {}, 'all-unauthenticated'],
    ['is the namespace’s before the mesh’s', { 'config.linkerd.io/default-inbound-policy': 'deny' }, {}, 'deny'],
    [
      'is the pod’s before the namespace’s',
      { 'config.tulle.dev/default-inbound-policy': 'deny' },
      { 'config.linkerd.io/default-inbound-policy': 'audit' },
      'audit',
    ],
  ])('%s', async (_name, ofNamespace, ofPod, expected) => {
    const found = await policyOf(8080, namespace(ofNamespace), pod(ofPod));
    expect(found.labels).toEqual({ group: '', kind: 'default', name: expected });
    expect(authorizers(found)).toEqual(expected === 'deny' ? [] : [expected]);
  });

  test('asks for an identity on ports that require one', async () => {
    const found = await policyOf(8080, pod({ 'config.linkerd.io/proxy-require-identity-inbound-ports': '8080' }));
    expect(found.authorizations).toMatchObject([{ authentication: { meshTLS: { identities: { suffixes: [{}] } } } }]);
  });
});
