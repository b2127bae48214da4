import { expect, it } from 'vitest';
import { followWarnings } from '../policy/followed.ts';
import { validateObject } from '../policy/validator/index.ts';
import { validator } from './validator.ts';

const request = (object: Record<string, unknown> | undefined, operation = 'CREATE') => ({
  uid: 'u-1',
  kind: { group: 'policy.linkerd.io', version: 'v1alpha1', kind: 'NetworkAuthentication' },
  namespace: 'shop',
  name: 'office',
  operation,
  object,
  dryRun: false,
});
const networks = (cidrs: string[], metadata: object = {}) => ({
  apiVersion: 'policy.linkerd.io/v1alpha1',
  kind: 'NetworkAuthentication',
  metadata: { name: 'office', namespace: 'shop', ...metadata },
  spec: { networks: cidrs.map((cidr) => ({ cidr })) },
});
const admit = validator(validateObject);

it('an object that can take effect is admitted', async () => {
  expect(await admit(request(networks(['10.0.0.0/8'])))).toEqual({ allowed: true });
});

it('one that cannot is refused with all that is wrong, by field', async () => {
  const { allowed, message } = await admit(request(networks(['10.0.0.0/8', 'ten', '10.0.0.0/99']), 'UPDATE'));
  expect(allowed).toBe(false);
  expect(message).toMatch(/^spec\.networks\[1\]\.cidr.*ten.*; spec\.networks\[2\]\.cidr.*10\.0\.0\.0\/99/);
});

it('one that is admitted and has an effect is told nothing', async () => {
  const admitAll = validator(() => [], followWarnings);
  const warningsOf = async (kind: string, apiVersion: string, spec: object = {}) =>
    (await admitAll(request({ apiVersion, kind, metadata: { name: 'x' }, spec }))).warnings;
  const policy = 'policy.linkerd.io/v1alpha1';
  const gateway = 'gateway.networking.k8s.io/v1';
  const parentRefs = ['Server', 'Service', 'EgressNetwork'].map((kind) => ({ kind }));
  for (const kind of ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute']) {
    expect(await warningsOf(kind, gateway, { parentRefs })).toBeUndefined();
  }
  expect(await warningsOf('EgressNetwork', policy)).toBeUndefined();
  expect(await warningsOf('Server', policy)).toBeUndefined();
});

it('a message has an end', async () => {
  const { message } = await validator(() => Array.from({ length: 30 }, (_, index) => `spec.a[${index}]`))(request({}));
  expect(message).toMatch(/spec\.a\[19\]; and 10 more$/);
});

it('what is being deleted can go, whatever is wrong with it', async () => {
  const going = networks(['ten'], { deletionTimestamp: '2026-01-01T00:00:00Z' });
  expect(await admit(request(going, 'UPDATE'))).toEqual({ allowed: true });
  expect(await admit(request(undefined, 'DELETE'))).toEqual({ allowed: true });
});
