import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { validateObject } from './index.ts';

const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
const jwks = JSON.stringify({ keys: [jwk] });
const targetRef = { group: 'policy.linkerd.io', kind: 'Server', name: 'web' };
const problems = (spec: object) =>
  validateObject({
    apiVersion: 'tulle.dev/v1alpha1',
    kind: 'RequestAuthentication',
    metadata: { name: 'users', namespace: 'shop' },
    spec: { targetRef, ...spec },
  });
const rule = (more: object = {}) => ({ jwtRules: [{ issuer: 'https://issuer.test', jwks, ...more }] });

it.each([
  ['a Server', {}],
  ['a route of either group', { targetRef: { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'a' } }],
  ['calls of gRPC', { targetRef: { group: 'gateway.networking.k8s.io', kind: 'GRPCRoute', name: 'a' } }],
  ['its namespace', { targetRef: { kind: 'Namespace', name: 'shop' } }],
  ['claims alone', { jwtRules: undefined, requiredClaims: [{ claim: 'scope', values: ['a'] }] }],
])('one for %s is admitted', (_, spec) => {
  expect(problems({ ...rule(), ...spec })).toEqual([]);
});

it.each([
  ['another namespace', { targetRef: { kind: 'Namespace', name: 'bank' } }, /^spec\.targetRef\.name \(bank\) must be/],
  [
    'a Service',
    { targetRef: { kind: 'Service', name: 'web' } },
    /^spec\.targetRef\.kind \(Service\) must be Namespace, /,
  ],
  ['a rule without keys', rule({ jwks: undefined }), /^spec\.jwtRules\[0\] must have one of jwks and jwksUri$/],
  ['two ways to keys', rule({ jwksUri: 'https://a.test' }), /^spec\.jwtRules\[0\] must have one of jwks and jwksUri$/],
  ...['file:///etc/passwd', 'keys.json', 'https://a:b@a.test/', 'https://a.test/#b', 'gopher://a.test'].map(
    (jwksUri): [string, object, RegExp] => [
      `a key set at ${jwksUri}`,
      rule({ jwks: undefined, jwksUri }),
      /^spec\.jwtRules\[0\]\.jwksUri \(.*\) must be an https URL without user, password and fragment$/,
    ],
  ),
  ['no JSON for keys', rule({ jwks: '{' }), /^spec\.jwtRules\[0\]\.jwks must be JSON$/],
  [
    'a secret',
    rule({ jwks: '{"keys":[{"kty":"oct","k":"AA"}]}' }),
    /^spec\.jwtRules\[0\]\.jwks keys\[0\]: .* shared secret/,
  ],
  ['no issuer', { jwtRules: [{ jwks }] }, /^spec\.jwtRules\[0\]\.issuer must be set$/],
  ['a field with a slip', { requiredClaim: [] }, /^spec\.requiredClaim is no field/],
  [
    'claims that who brings no token need not have',
    { ...rule(), optional: true, requiredClaims: [{ claim: 'scope' }] },
    /^spec\.requiredClaims must be left out where optional is true/,
  ],
  ...[
    ['host', 'must not be a header that requests are framed by'],
    ['Transfer_Encoding', 'must not be a header that requests are framed by'],
    ['l5d-client-id', 'must not begin with l5d-'],
    ['x y', 'must be a header name'],
    ['Authorization', 'must not be a header that tokens stand in'],
  ].map(([header, why]): [string, object, RegExp] => [
    `a claim told in ${header}`,
    rule({ outputClaimToHeaders: [{ header, claim: 'sub' }] }),
    new RegExp(`^spec\\.jwtRules\\[0\\]\\.outputClaimToHeaders\\[0\\]\\.header.*${why}`),
  ]),
  [
    'two claims told in one header',
    rule({
      outputClaimToHeaders: [
        { header: 'x-a', claim: 'a' },
        { header: 'X-A', claim: 'b' },
      ],
    }),
    /^spec\.jwtRules\[0\]\.outputClaimToHeaders\[1\]\.header \(X-A\) must not be that of another claim$/,
  ],
])('%s is refused, with field and fix', (_, spec, problem) => {
  expect(problems(spec)).toEqual([expect.stringMatching(problem)]);
});
