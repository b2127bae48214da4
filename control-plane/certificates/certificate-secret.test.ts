import { describe, expect, test, vi } from 'vitest';
import { certificateAnnotation } from '../../lib/contract/annotations.ts';
import { ApiError } from '../kubernetes/api.ts';
import { mergeBundles } from './bundle.ts';
import { CertificateKeeper } from './certificate-keeper.ts';
import { CertificateSecret, type KeptCertificate, type StoredCertificate } from './certificate-secret.ts';
import { createAuthority, createServerCertificate } from './create-certificate.ts';
import { ObjectsInMemory } from './testing.ts';

const day = 86_400_000;
const path = '/api/v1/namespaces/tulle/secrets/hook-tls';

interface TestSecret {
  type: string;
  metadata: { name: string; namespace: string; annotations?: Record<string, string> };
  data: Record<string, string>;
}

/** One replica and its view of the clock. */
function replica(api: ObjectsInMemory, clock = { nowMs: Date.now() }) {
  const problems: string[] = [];
  let made = 0;
  const create = async (previous: StoredCertificate | undefined): Promise<KeptCertificate> => {
    made++;
    const { nowMs } = clock;
    const authority = await createAuthority({ name: 'hook', lifetimeMs: 100 * day, pathLength: 0, nowMs });
    const dnsNames = ['hook.tulle.svc'];
    const leaf = await createServerCertificate({ dnsNames, lifetimeMs: 100 * day, nowMs, signedBy: authority });
    return { ...leaf, authorities: mergeBundles([authority.certificate, previous?.authorities ?? ''], nowMs) };
  };
  const secret = new CertificateSecret({
    api,
    namespace: 'tulle',
    name: 'hook-tls',
    labels: { 'linkerd.io/control-plane-ns': 'tulle' },
    nowMs: () => clock.nowMs,
    create,
    onProblem: (message) => problems.push(message),
  });
  return { secret, clock, problems, made: () => made };
}

const stored = (api: ObjectsInMemory): TestSecret => api.objects.get(path) as unknown as TestSecret;

describe('a certificate in a Secret', () => {
  test('is made once, however many replicas start together', async () => {
    const api = new ObjectsInMemory();
    const found = await Promise.all([replica(api), replica(api), replica(api)].map(({ secret }) => secret.ensure()));
    expect(new Set(found.map((one) => one!.certificate)).size).toBe(1);
    expect(found[0]!.ours).toBe(true);
    expect(stored(api)).toMatchObject({
      type: 'kubernetes.io/tls',
      metadata: { labels: { 'linkerd.io/control-plane-ns': 'tulle' } },
    });
    expect(Object.keys(stored(api).data)).toEqual(['tls.crt', 'tls.key', 'ca.crt']);
  });

  test('is left alone before 70 % of its life, and renewed once after, with the old authority still named', async () => {
    const api = new ObjectsInMemory();
    const [one, two] = [replica(api), replica(api)];
    const first = await one.secret.ensure();
    one.clock.nowMs += 69 * day;
    expect((await one.secret.ensure())!.certificate).toBe(first!.certificate);
    one.clock.nowMs += 2 * day;
    two.clock.nowMs = one.clock.nowMs;
    const renewed = await Promise.all([one.secret.ensure(), two.secret.ensure()]);
    expect(renewed[0]).toEqual(renewed[1]);
    expect(renewed[0]!.certificate).not.toBe(first!.certificate);
    expect(renewed[0]!.authorities).toContain(first!.authorities);
    expect(renewed[0]!.notAfterMs).toBeGreaterThan(first!.notAfterMs);
  });

  test("that is somebody else's is used, in either form, and never overwritten", async () => {
    const theirs = await createAuthority({ name: 'theirs', lifetimeMs: day, nowMs: Date.now() });
    const [certificate, key] = [theirs.certificate, theirs.key].map((pem) => Buffer.from(pem).toString('base64'));
    const forms: Record<string, string>[] = [
      { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': certificate },
      { 'crt.pem': certificate, 'key.pem': key },
    ];
    for (const data of forms) {
      const api = new ObjectsInMemory();
      const { secret, clock, made } = replica(api);
      // Even in place of ours, which leaves our annotation behind, and when it has ended.
      await secret.ensure();
      stored(api).data = data;
      clock.nowMs += 2 * day;
      expect(await secret.ensure()).toMatchObject({ certificate: theirs.certificate, key: theirs.key, ours: false });
      expect(made()).toBe(1);
      expect(api.calls.filter((call) => !call.startsWith('GET'))).toEqual(['POST /api/v1/namespaces/tulle/secrets']);
    }
  });

  test('that cannot be read is named, with what to do', async () => {
    const api = new ObjectsInMemory();
    const { secret } = replica(api);
    await secret.ensure();
    const other = await createAuthority({ name: 'other', lifetimeMs: day, nowMs: Date.now() });
    for (const [data, problem] of [
      [{}, 'tls.crt (or crt.pem) holds no PEM certificate'],
      [{ 'tls.key': '' }, 'tls.key (or key.pem) is missing'],
      [{ 'tls.key': Buffer.from(other.key).toString('base64') }, 'the key does not belong to the certificate'],
    ] as const) {
      const { 'tls.crt': certificate } = stored(api).data;
      stored(api).data = Object.keys(data).length === 0 ? {} : { 'tls.crt': certificate, ...data };
      await expect(secret.ensure()).rejects.toThrow(
        `Secret tulle/hook-tls: ${problem}. Correct it, or delete the Secret and a new one is made`,
      );
      stored(api).data = { 'tls.crt': certificate };
    }
  });

  test('stays in use when it cannot be renewed, until it ends', async () => {
    const api = new ObjectsInMemory();
    const { secret, clock, problems } = replica(api);
    const first = await secret.ensure();
    api.before = (call) => {
      if (call.startsWith('PUT')) throw new ApiError(403, 'Forbidden', 'not allowed');
    };
    clock.nowMs += 80 * day;
    expect(await secret.ensure()).toEqual(first);
    expect(problems).toEqual(['Secret tulle/hook-tls could not be renewed: not allowed']);
    clock.nowMs += 30 * day;
    await expect(secret.ensure()).rejects.toThrow('not allowed');
  });

  test('keeps labels and annotations that others added when it is renewed', async () => {
    const api = new ObjectsInMemory();
    const { secret, clock } = replica(api);
    await secret.ensure();
    stored(api).metadata.annotations!['backup'] = 'yes';
    const before = stored(api).metadata.annotations![certificateAnnotation];
    clock.nowMs += 80 * day;
    await secret.ensure();
    expect(stored(api).metadata.annotations).toMatchObject({ backup: 'yes' });
    expect(stored(api).metadata.annotations![certificateAnnotation]).not.toBe(before);
  });
});

describe('a keeper', () => {
  test('tells of the first certificate, of what another replica renewed, and of nothing else', async () => {
    const api = new ObjectsInMemory();
    const [one, two] = [replica(api), replica(api)];
    const told: StoredCertificate[] = [];
    const onProblem = (message: string) => expect.unreachable(message);
    const keeper = new CertificateKeeper({
      secret: one.secret,
      onChange: (certificate) => void told.push(certificate),
      onProblem,
      intervalMs: 5,
    });
    await vi.waitFor(() => expect(told).toHaveLength(1));
    two.clock.nowMs += 80 * day;
    const renewed = await two.secret.ensure();
    await vi.waitFor(() => expect(told).toHaveLength(2));
    expect(told[1]).toEqual(renewed);
    const looks = api.calls.length;
    await vi.waitFor(() => expect(api.calls.length).toBeGreaterThan(looks + 3));
    expect(told).toHaveLength(2);
    keeper.close();
  });

  test('tries again when the change could not be made, and tells the same trouble once', async () => {
    const { secret } = replica(new ObjectsInMemory());
    const problems: string[] = [];
    let failures = 3;
    const keeper = new CertificateKeeper({
      secret,
      onChange: async () => {
        if (failures-- > 0) throw new Error('caBundle not patched');
      },
      onProblem: (message) => problems.push(message),
      intervalMs: 5,
    });
    await vi.waitFor(() => expect(keeper.current).toBeDefined());
    expect(problems).toEqual(['caBundle not patched']);
    keeper.close();
  });
});
