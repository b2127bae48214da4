import pino from 'pino';
import { beforeAll, describe, expect, it } from 'vitest';
import { createAuthority } from '../certificates/create-certificate.ts';
import { ObjectsInMemory } from '../certificates/testing.ts';
import { ApiError } from '../kubernetes/api.ts';
import { CaBundle } from './ca-bundle.ts';

const lifetimeMs = 3_600_000;
const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/hooks';
const configuration = { kind: 'ValidatingWebhookConfiguration', name: 'hooks' } as const;
const base64 = (text: string) => Buffer.from(text).toString('base64');

let one: string;
let two: string;
let other: string;
beforeAll(async () => {
  [one, two, other] = await Promise.all(
    ['one', 'two', 'other'].map(
      async (name) => (await createAuthority({ name, lifetimeMs, nowMs: Date.now() })).certificate,
    ),
  );
});

interface Hooks {
  metadata: { name: string; annotations?: Record<string, string> };
  webhooks: { name: string; clientConfig: { service: object; caBundle?: string } }[];
}

function cluster(caBundle?: string, annotations?: Record<string, string>) {
  const api = new ObjectsInMemory();
  const clientConfig = { service: { name: 'hook', namespace: 'tulle', path: '/' }, ...(caBundle ? { caBundle } : {}) };
  const hooks: Hooks = { metadata: { name: 'hooks', annotations }, webhooks: [{ name: 'a.tulle.dev', clientConfig }] };
  api.objects.set(path, hooks);
  let patches = 0;
  const clock = { nowMs: Date.now() };
  const bundle = new CaBundle({
    api,
    configuration,
    nowMs: () => clock.nowMs,
    log: pino({ level: 'silent' }),
    onPatch: () => patches++,
    retireMs: 1000,
  });
  const stored = () => api.objects.get(path) as unknown as Hooks;
  const read = () => Buffer.from(stored().webhooks[0].clientConfig.caBundle ?? '', 'base64').toString('utf8');
  return { api, bundle, clock, stored, read, patches: () => patches };
}

describe('the caBundle', () => {
  it('is written once, and nothing else of the configuration changes', async () => {
    const { bundle, read, stored, patches } = cluster();
    expect(await bundle.ensure(one)).toBe('patched');
    expect(read()).toBe(one);
    expect(stored().webhooks[0]).toMatchObject({ name: 'a.tulle.dev', clientConfig: { service: { path: '/' } } });
    expect(await bundle.ensure(one)).toBe('in place');
    expect(patches()).toBe(1);
  });

  it.each([
    ['no PEM', () => 'bm9uZQ=='],
    ['a broken certificate', () => base64('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')],
  ])('that is %s is replaced', async (_, text) => {
    const { bundle, read } = cluster(text());
    expect(await bundle.ensure(one)).toBe('patched');
    expect(read()).toBe(one);
  });

  it('keeps an authority that other replicas may still need, for a while', async () => {
    const { bundle, read, clock } = cluster(base64(one));
    expect(await bundle.ensure(two)).toBe('patched');
    expect(read()).toBe(two + one);
    clock.nowMs += 999;
    expect(await bundle.ensure(two)).toBe('in place');
    clock.nowMs += 1;
    expect(await bundle.ensure(two)).toBe('patched');
    expect(read()).toBe(two);
  });

  it('names authorities that are wanted together', async () => {
    const { bundle, read, clock } = cluster(base64(other));
    await bundle.ensure(one + two);
    clock.nowMs += 5000;
    await bundle.ensure(one + two);
    expect(read()).toBe(one + two);
  });

  it('is left to whoever keeps it', async () => {
    const { bundle, api } = cluster(base64(other), { 'cert-manager.io/inject-ca-from': 'tulle/hook' });
    expect(await bundle.ensure(one)).toBe('foreign');
    expect(await bundle.ensure('')).toBe('foreign');
    expect(api.calls.filter((call) => call.startsWith('PATCH'))).toEqual([]);
  });

  it('of a configuration that is not there is no trouble', async () => {
    const { bundle, api } = cluster();
    api.objects.clear();
    expect(await bundle.ensure(one)).toBe('absent');
  });

  it('is not put over a newer configuration: it is read again', async () => {
    const { bundle, api, read } = cluster();
    let conflicts = 2;
    api.before = (call) => {
      if (call.startsWith('PATCH') && conflicts-- > 0) throw new ApiError(409, 'Conflict', 'has changed');
    };
    expect(await bundle.ensure(one)).toBe('patched');
    expect(read()).toBe(one);
    conflicts = Number.POSITIVE_INFINITY;
    await expect(bundle.ensure(two)).rejects.toThrow('has changed');
  });
});
