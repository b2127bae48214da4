import { expect, it } from 'vitest';
import { validateObject } from './index.ts';

const targetRef = { group: 'policy.linkerd.io', kind: 'Server', name: 'web' };
const backendRef = { kind: 'Service', name: 'opa', port: 9191 };
const problems = (spec: object) =>
  validateObject({
    apiVersion: 'tulle.dev/v1alpha1',
    kind: 'ExternalAuthorization',
    metadata: { name: 'opa', namespace: 'shop' },
    spec: { targetRef, backendRef, ...spec },
  });

it.each([
  ['a Server', {}],
  ['a route of either group', { targetRef: { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'a' } }],
  ['calls of gRPC', { targetRef: { group: 'gateway.networking.k8s.io', kind: 'GRPCRoute', name: 'a' } }],
  [
    'a Service of another namespace, whose kind is not said',
    { backendRef: { name: 'opa', namespace: 'policy', port: 1 } },
  ],
  ['the shortest and the longest timeout', { timeout: '1ms' }],
  ['the same', { timeout: '10s', failureMode: 'Open', headersToBackend: ['X-User'], includeRequestHeaders: [] }],
  ['what is left out by null', { timeout: null, includeRequestHeaders: null, headersToBackend: null }],
  ['words of its own', { contextExtensions: { tenant: 'shop', __proto__: 'x' } }],
])('one for %s is admitted', (_, spec) => {
  expect(problems(spec)).toEqual([]);
});

const targets = 'must be Server, HTTPRoute or GRPCRoute, with the group of that kind';
it.each([
  ['a namespace', { targetRef: { kind: 'Namespace', name: 'shop' } }, `spec.targetRef.kind (Namespace) ${targets}`],
  ['a Service', { targetRef: { kind: 'Service', name: 'web' } }, `spec.targetRef.kind (Service) ${targets}`],
  ['no authorizer', { backendRef: undefined }, 'spec.backendRef must be set'],
  ['one without a port', { backendRef: { name: 'opa' } }, 'spec.backendRef.port must be set'],
  [
    'an authorizer that is no Service',
    { backendRef: { ...backendRef, group: 'policy.linkerd.io', kind: 'EgressNetwork' } },
    'spec.backendRef.kind (EgressNetwork.policy.linkerd.io) must be Service',
  ],
  ['no time', { timeout: '0s' }, 'spec.timeout (0s) must be from 1ms to 10s'],
  ['too much time', { timeout: '10s1ms' }, 'spec.timeout (10s1ms) must be from 1ms to 10s'],
  ['half a failure mode', { failureMode: 'Ajar' }, "spec.failureMode (Ajar) must be one of 'Closed', 'Open'"],
  [
    'what the mesh says',
    { headersToBackend: ['L5d-Client-Id'] },
    'spec.headersToBackend[0] (L5d-Client-Id) must not begin with l5d-, which the mesh itself writes',
  ],
  [
    'the host',
    { headersToBackend: ['x-a', 'Host'] },
    'spec.headersToBackend[1] (Host) must not be a header that requests are framed by',
  ],
  [
    'words of proxies',
    { includeRequestHeaders: ['l5d-client-id'] },
    'spec.includeRequestHeaders[0] (l5d-client-id) must not begin with l5d-, which is told nobody',
  ],
  ['a name that is none', { headersToBackend: ['a b'] }, 'spec.headersToBackend[0] (a b) must be a header name'],
])('one with %s is refused, with the field and what to do', (_, spec, problem) => {
  expect(problems(spec)).toEqual([problem]);
});

it('a field with a slip is refused, and what is too much', () => {
  expect(problems({ failOpen: true })[0]).toMatch(/^spec\.failOpen is no field/);
  expect(problems({ headersToBackend: Array.from({ length: 65 }, (_, i) => `x-${i}`) })).toHaveLength(1);
  expect(problems({ contextExtensions: { a: 'x'.repeat(1025) } })).toHaveLength(1);
  expect(problems({ contextExtensions: { ['a'.repeat(257)]: 'x' } })).toHaveLength(1);
  expect(
    problems({ contextExtensions: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [i, ''])) }),
  ).toHaveLength(1);
});
