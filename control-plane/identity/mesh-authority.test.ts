import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import pino from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, test } from 'vitest';
import { checkLeaf } from '../../proxy/identity/certificate.ts';
import { readCertificates } from '../certificates/bundle.ts';
import { type CertificateWithKey, createAuthority } from '../certificates/create-certificate.ts';
import { ObjectsInMemory } from '../certificates/testing.ts';
import { ApiError } from '../kubernetes/api.ts';
import { Issuer } from './issuer.ts';
import { IssuerKeeper } from './issuer-keeper.ts';
import { type IssuerMaterial, MeshAuthority } from './mesh-authority.ts';

const day = 86_400_000;
const year = 365 * day;
const web = 'web.shop.serviceaccount.identity.tulle.cluster.local';
const secrets = '/api/v1/namespaces/tulle/secrets';
const roots = '/api/v1/namespaces/tulle/configmaps/roots';
const clock = { nowMs: 0 };
let api: ObjectsInMemory;
beforeEach(() => {
  api = new ObjectsInMemory();
  clock.nowMs = Math.floor(Date.now() / 1000) * 1000;
});

function replica(options: { readonly issuerIsGiven?: boolean } = {}): MeshAuthority {
  return new MeshAuthority({
    ...options,
    api,
    meshNamespace: 'tulle',
    trustDomain: 'cluster.local',
    names: { anchorSecret: 'anchor', issuerSecret: 'issuer', trustRootsConfigMap: 'roots' },
    labels: { 'linkerd.io/control-plane-ns': 'tulle' },
    anchorLifetimeMs: 10 * year,
    issuerLifetimeMs: year,
    nowMs: () => clock.nowMs,
    onProblem: (message) => expect.unreachable(message),
  });
}

const load = (material: IssuerMaterial): Promise<Issuer> => Issuer.load(material, clock.nowMs);

async function checkedBy(issuer: Issuer, bundle: string): Promise<void> {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const leaf = issuer.sign(web, publicKey, clock.nowMs, day, 20_000);
  checkLeaf(leaf.certificate, leaf.intermediates, bundle, web, clock.nowMs);
}

function give(name: string, data: Record<string, string>): void {
  const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  api.objects.set(`${secrets}/${name}`, { metadata: { name }, data: Object.fromEntries(encoded) } as never);
}

function giveRoots(bundle: string): void {
  api.objects.set(roots, { metadata: { name: 'roots' }, data: { 'ca-bundle.crt': bundle } } as never);
}

const writes = (): string[] => api.calls.filter((call) => !call.startsWith('GET'));
const authority = (name: string, signedBy?: CertificateWithKey): Promise<CertificateWithKey> =>
  createAuthority({ name, lifetimeMs: 2 * year, nowMs: clock.nowMs, signedBy });

describe('at the first start', () => {
  test('replicas that start together agree on one anchor and one issuer', async () => {
    const materials = await Promise.all([replica(), replica(), replica()].map((one) => one.reconcile()));
    for (const material of materials) expect(material).toEqual(materials[0]);
    const issuer = new X509Certificate(materials[0].certificate);
    expect(issuer.subjectAltName).toBe('DNS:identity.tulle.cluster.local');
    expect(readCertificates(materials[0].trustAnchors).map(({ subject }) => subject)).toEqual([
      'CN=root.tulle.cluster.local',
    ]);
    await checkedBy(await load(materials[0]), materials[0].trustAnchors);
    const before = writes().length;
    await replica().reconcile();
    expect(writes()).toHaveLength(before);
  });

  test('the bundle is there before anything is signed, so no pod ever starts without what it needs', async () => {
    await replica().reconcile();
    expect(writes()).toEqual([`POST ${secrets}`, 'POST /api/v1/namespaces/tulle/configmaps', `POST ${secrets}`]);
  });
});

describe('what was given is used, and never changed', () => {
  test.each(['kubernetes.io/tls', 'linkerd.io/tls'])('an issuer of %s with its bundle', async (form) => {
    const root = await authority('my root');
    const issuer = await authority('my issuer', root);
    giveRoots(root.certificate);
    give(
      'issuer',
      form === 'linkerd.io/tls'
        ? { 'crt.pem': issuer.certificate, 'key.pem': issuer.key }
        : { 'tls.crt': issuer.certificate, 'tls.key': issuer.key, 'ca.crt': root.certificate },
    );
    const material = await replica().reconcile();
    expect(material).toEqual({ ...issuer, trustAnchors: root.certificate });
    await checkedBy(await load(material), root.certificate);
    clock.nowMs += 1.9 * year;
    await replica().reconcile();
    expect(writes()).toEqual([]);
  });

  test("an issuer with its ca.crt, as cert-manager writes it: the bundle follows, and keeps the last one's", async () => {
    const [first, second] = [await authority('first'), await authority('second')];
    for (const root of [first, second]) {
      const issuer = await authority('issuer', root);
      give('issuer', { 'tls.crt': issuer.certificate, 'tls.key': issuer.key, 'ca.crt': root.certificate });
      const { trustAnchors } = await replica().reconcile();
      expect(trustAnchors).toContain(root.certificate);
    }
    const { trustAnchors } = await replica().reconcile();
    expect(trustAnchors).toBe(second.certificate + first.certificate);
    expect(api.objects.has(`${secrets}/anchor`)).toBe(false);
  });

  test('an issuer that is its own anchor', async () => {
    const root = await authority('my root');
    give('issuer', { 'tls.crt': root.certificate, 'tls.key': root.key });
    const material = await replica().reconcile();
    expect(material.trustAnchors).toBe(root.certificate);
    await checkedBy(await load(material), root.certificate);
  });

  test('an anchor with its key, which signs the issuers', async () => {
    const root = await authority('my root');
    give('anchor', { 'tls.crt': root.certificate, 'tls.key': root.key });
    const material = await replica().reconcile();
    expect(material.trustAnchors).toBe(root.certificate);
    await checkedBy(await load(material), root.certificate);
    expect(writes().filter((call) => call.startsWith('PUT'))).toEqual([]);
  });

  test('an issuer that takes the place of the one made here', async () => {
    const made = await replica().reconcile();
    const root = await authority('my root');
    const issuer = await authority('my issuer', root);
    const stored = api.objects.get(`${secrets}/issuer`) as unknown as { data: Record<string, string> };
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    Object.assign(stored.data, {
      'tls.crt': base64(issuer.certificate),
      'tls.key': base64(issuer.key),
      'ca.crt': base64(root.certificate),
    });
    const material = await replica().reconcile();
    expect(material.certificate).toBe(issuer.certificate);
    // Pods that run know only the anchor made here, new ones both.
    expect(material.trustAnchors).toBe(root.certificate + made.trustAnchors);
  });
});

describe('refused, with what to do', () => {
  test('a bundle without an issuer', async () => {
    giveRoots((await authority('my root')).certificate);
    await expect(replica().reconcile()).rejects.toThrow(
      'ConfigMap tulle/roots was given without an issuer that it leads to: put yours into the Secret tulle/issuer, ' +
        'or delete the ConfigMap and both are made',
    );
    expect(writes()).toEqual([]);
  });

  test('an issuer without any anchor', async () => {
    const issuer = await authority('my issuer', await authority('my root'));
    give('issuer', { 'tls.crt': issuer.certificate, 'tls.key': issuer.key });
    await expect(replica().reconcile()).rejects.toThrow('the Secret issuer names no trust anchor (ca.crt)');
  });

  test('a bundle that holds no certificate', async () => {
    giveRoots('soon');
    await expect(replica().reconcile()).rejects.toThrow(
      'ConfigMap tulle/roots: ca-bundle.crt holds no PEM certificate. Correct it, or delete the ConfigMap',
    );
  });
});

describe('over time', () => {
  test('for 25 years, whoever started within the last two trusts what is issued', async () => {
    const lastStartMs = new Map<string, number>();
    const issuers = new Set<string>();
    const anchors = new Set<string>();
    let most = 0;
    for (const end = clock.nowMs + 25 * year; clock.nowMs < end; clock.nowMs += 60 * day) {
      const material = await replica().reconcile();
      const issuer = await load(material);
      lastStartMs.set(material.trustAnchors, clock.nowMs);
      for (const [bundle, startMs] of lastStartMs) {
        if (startMs >= clock.nowMs - 2 * year) await checkedBy(issuer, bundle);
      }
      issuers.add(material.certificate);
      const inBundle = readCertificates(material.trustAnchors);
      for (const { fingerprint256 } of inBundle) anchors.add(fingerprint256);
      for (const { validTo } of inBundle) expect(Date.parse(validTo)).toBeGreaterThan(clock.nowMs);
      most = Math.max(most, inBundle.length);
    }
    expect(anchors.size).toBe(4);
    expect(most).toBe(2);
    expect(issuers.size).toBeGreaterThan(28);
  });

  test('an anchor whose Secret was deleted is followed by a new one, and stays in the bundle', async () => {
    const before = await replica().reconcile();
    api.objects.delete(`${secrets}/anchor`);
    const after = await replica().reconcile();
    expect(readCertificates(after.trustAnchors)).toHaveLength(2);
    expect(after.trustAnchors).toContain(before.trustAnchors);
    // The issuer is that of the old anchor until it is renewed, so running proxies notice nothing.
    expect(after.certificate).toBe(before.certificate);
    clock.nowMs += 0.8 * year;
    const renewed = await replica().reconcile();
    expect(renewed.certificate).not.toBe(before.certificate);
    await checkedBy(await load(renewed), after.trustAnchors);
  });

  test('an anchor is rotated by hand, with every proxy restarted twice, and nobody is cut off', async () => {
    const old = (await replica().reconcile()).trustAnchors;
    api.objects.delete(`${secrets}/anchor`);
    const first = await replica().reconcile();
    await checkedBy(await load(first), old);
    const both = first.trustAnchors;
    await checkedBy(await load(first), both);
    api.objects.delete(`${secrets}/issuer`);
    await checkedBy(await load(await replica().reconcile()), both);
    api.objects.delete(roots);
    const last = await replica().reconcile();
    await checkedBy(await load(last), both);
    await checkedBy(await load(last), last.trustAnchors);
    expect(both).toBe(last.trustAnchors + old);
  });

  test('a deleted bundle is made again of what is in use', async () => {
    const before = await replica().reconcile();
    api.objects.delete(roots);
    expect((await replica().reconcile()).trustAnchors).toBe(before.trustAnchors);
  });

  test('an issuer made here that leads to no anchor any more is made anew', async () => {
    const before = await replica().reconcile();
    for (const path of [roots, `${secrets}/anchor`]) api.objects.delete(path);
    // Its own anchor is named beside it, so the first look brings that back.
    const kept = await replica().reconcile();
    await checkedBy(await load(kept), before.trustAnchors);
    const other = await authority('my root');
    give('anchor', { 'tls.crt': other.certificate, 'tls.key': other.key });
    giveRoots(other.certificate);
    const after = await replica().reconcile();
    expect(after.certificate).not.toBe(before.certificate);
    await checkedBy(await load(after), other.certificate);
  });
});

describe('the keeper of the issuer', () => {
  test('tells each trouble once, keeps the last good issuer, and takes the next one', async () => {
    const events: string[] = [];
    const bundles: string[] = [];
    const registry = new Registry();
    let reconcile = () => replica().reconcile();
    const keeper = new IssuerKeeper({
      reconcile: () => reconcile(),
      log: pino({ level: 'silent' }),
      registry,
      nowMs: () => clock.nowMs,
      onEvent: (type, reason, message) => events.push(`${type} ${reason} ${message}`),
      onTrustAnchors: (bundle) => bundles.push(bundle),
      intervalMs: 60_000,
    });
    await keeper.refresh();
    const first = keeper.current;
    expect(first).toBeDefined();
    await keeper.refresh();
    const good = reconcile;
    reconcile = async () => {
      throw new ApiError(0, '', 'no answer');
    };
    await keeper.refresh();
    await keeper.refresh();
    const stranger = await authority('stranger');
    reconcile = async () => ({ ...(await authority('mine')), trustAnchors: stranger.certificate });
    await keeper.refresh();
    expect(keeper.current).toBe(first);
    reconcile = good;
    clock.nowMs += 0.8 * year;
    await keeper.refresh();
    expect(keeper.current?.notAfter.getTime()).toBe(clock.nowMs + year);
    const until = (issuer: Issuer | undefined) => issuer?.notAfter.toISOString();
    expect(events).toEqual([
      `Normal IssuerUpdated Updated identity issuer, valid until ${until(first)}`,
      'Warning IssuerUpdateSkipped no answer',
      'Warning IssuerValidationFailed the issuer certificate does not lead to a trust anchor',
      `Normal IssuerUpdated Updated identity issuer, valid until ${until(keeper.current)}`,
    ]);
    expect(bundles).toHaveLength(1);
    const { values } = await registry.getSingleMetric('identity_issuer_updates_total')!.get();
    expect(values.map(({ labels, value }) => [labels['result'], value])).toEqual([
      ['updated', 2],
      ['skipped', 2],
      ['invalid', 1],
    ]);
    keeper.close();
  });
});

describe('an issuer that is to be given', () => {
  const given = { issuerIsGiven: true };

  test('is waited for: nothing is made, and what is missing is said', async () => {
    await expect(replica(given).reconcile()).rejects.toThrow(
      'the Secret tulle/issuer is not there yet: it is to be given (--issuer=given), with tls.crt, tls.key and ca.crt',
    );
    expect(writes()).toEqual([]);
  });

  test('is used as soon as it is there, with its anchor in the bundle', async () => {
    const anchor = await authority('root');
    const issuer = await authority('identity', anchor);
    const waiting = replica(given);
    await expect(waiting.reconcile()).rejects.toThrow('not there yet');
    give('issuer', { 'tls.crt': issuer.certificate, 'tls.key': issuer.key, 'ca.crt': anchor.certificate });
    const material = await waiting.reconcile();
    await checkedBy(await load(material), anchor.certificate);
    expect(writes()).toEqual([expect.stringContaining('configmaps')]);
  });

  test('takes the place of one that was made before, which is not renewed any more', async () => {
    await replica().reconcile();
    const before = writes().length;
    clock.nowMs += 0.8 * year;
    const made = await replica(given).reconcile();
    expect(writes().length).toBe(before);
    const anchor = await authority('root');
    const issuer = await authority('identity', anchor);
    give('issuer', { 'tls.crt': issuer.certificate, 'tls.key': issuer.key, 'ca.crt': anchor.certificate });
    const { certificate, trustAnchors } = await replica(given).reconcile();
    expect(certificate).toBe(issuer.certificate);
    // Who knows the anchor of the one before goes on, and learns the other.
    expect(readCertificates(trustAnchors)).toHaveLength(readCertificates(made.trustAnchors).length + 1);
  });
});
