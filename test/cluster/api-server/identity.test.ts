import { createPrivateKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { App, Chart, Testing } from 'cdk8s';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { CertifyResponse } from '../../../api/gen/identity_pb.js';
import { readCertificates } from '../../../control-plane/certificates/bundle.ts';
import { createAuthority } from '../../../control-plane/certificates/create-certificate.ts';
import { startIdentity } from '../../../control-plane/components/identity.ts';
import { TestTokens } from '../../../control-plane/identity/testing.ts';
import type { Component } from '../../../control-plane/serving/component.ts';
import { Flags } from '../../../control-plane/serving/flags.ts';
import { Mesh } from '../../../lib/index.ts';
import { checkLeaf } from '../../../proxy/identity/certificate.ts';
import { certificateSigningRequest } from '../../../proxy/identity/csr.ts';
import { apiServerMissing, startApiServer, type TestApiServer } from './api-server.ts';
import { certify as certifyAt } from './certify.ts';

const web = 'web.shop.serviceaccount.identity.tulle.cluster.local';
const day = 86_400_000;
const year = 365 * day;
const paths = {
  issuer: '/api/v1/namespaces/tulle/secrets/tulle-identity-issuer',
  anchor: '/api/v1/namespaces/tulle/secrets/tulle-identity-trust-anchor',
  roots: '/api/v1/namespaces/tulle/configmaps/tulle-identity-trust-roots',
};

interface Data {
  readonly metadata: { readonly resourceVersion: string };
  readonly data: Readonly<Record<string, string>>;
}

describe.skipIf(apiServerMissing)(
  `identity on an API server${apiServerMissing ? ` (${apiServerMissing})` : ''}`,
  () => {
    let server: TestApiServer;
    let kubeconfig: string;
    const clock = { aheadMs: 0 };
    const running: Component[] = [];
    const logged: Record<string, unknown>[] = [];

    beforeAll(async () => {
      server = await startApiServer();
      // Only what the install grants: a right that it forgets shows here.
      const chart = new Chart(new App(), 'tulle');
      new Mesh(chart, 'mesh');
      const manifests: { kind: string; metadata: { name: string } }[] = Testing.synth(chart);
      const needed = manifests.filter(
        ({ kind, metadata }) =>
          kind === 'Namespace' || (/Role|ServiceAccount/.test(kind) && /identity/.test(metadata.name)),
      );
      await server.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: needed }));
      kubeconfig = server.kubeconfigFor({ token: await server.token('tulle', 'tulle-identity') });
      await server.kubectl(['create', 'namespace', 'shop']);
      for (const account of ['web', 'api', 'gone']) {
        await server.kubectl(['create', 'serviceaccount', account, '--namespace=shop']);
      }
    }, 120_000);
    afterAll(() => server?.stop());
    afterEach(async () => {
      for (const component of running.splice(0)) await component.stop();
      for (const path of Object.values(paths)) await server.client.delete(path).catch(() => {});
      clock.aheadMs = 0;
    });

    async function start(more: Record<string, string | boolean> = {}): Promise<Component> {
      const flags = new Flags({
        addr: '127.0.0.1:0',
        'admin-addr': '127.0.0.1:0',
        kubernetes: true,
        kubeconfig,
        ...more,
      });
      const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line)) });
      const component = await startIdentity(flags, log, () => Date.now() + clock.aheadMs, {});
      running.push(component);
      return component;
    }

    const certify = (
      component: Component,
      token: string,
      request: { identity?: string; csr?: Uint8Array } = {},
    ): Promise<CertifyResponse> => certifyAt(component.ports[0], token, { identity: web, ...request });

    const tokenOf = async (account: string, audience = 'identity.l5d.io'): Promise<string> =>
      (await server.kubectl(['create', 'token', account, '--namespace=shop', `--audience=${audience}`])).trim();
    const read = (path: string): Promise<Data> => server.client.get<Data>(path);
    const bundle = async (): Promise<string> => (await read(paths.roots)).data['ca-bundle.crt'];
    const issuerPem = async (): Promise<string> =>
      Buffer.from((await read(paths.issuer)).data['tls.crt'], 'base64').toString();
    const metric = async ({ adminPort }: Component, name: string): Promise<string | undefined> =>
      (await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text())
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.slice(name.length + 1);
    const ready = async ({ adminPort }: Component): Promise<number> =>
      (await fetch(`http://127.0.0.1:${adminPort}/ready`)).status;

    function check({ leafCertificate, intermediateCertificates }: CertifyResponse, trusted: string): void {
      checkLeaf(leafCertificate, intermediateCertificates, trusted, web, Date.now() + clock.aheadMs);
    }

    describe('at the first start', () => {
      test('two replicas agree on one anchor, are ready, and sign for a real token', async () => {
        const replicas = await Promise.all([start(), start()]);
        const token = await tokenOf('web');
        for (const replica of replicas) {
          expect(await ready(replica)).toBe(200);
          check(await certify(replica, token), await bundle());
          expect(Number(await metric(replica, 'issuer_cert_ttl_seconds'))).toBeGreaterThan(364 * 86_400);
        }
        expect(readCertificates(await bundle())).toHaveLength(1);
        expect(JSON.stringify(logged)).not.toContain(token);
        const events = await server.client.get<{ items: { reason: string; involvedObject: { name: string } }[] }>(
          '/api/v1/events',
        );
        await vi.waitFor(async () => {
          const { items } = await server.client.get<typeof events>('/api/v1/events');
          const seen = items.map(({ reason, involvedObject }) => `${reason} ${involvedObject.name}`);
          expect(seen).toContain('IssuerUpdated tulle-identity');
          expect(seen).toContain('IssuedLeafCertificate web');
        });
      });

      test('a replica that starts later writes nothing', async () => {
        await start();
        const before = await Promise.all(Object.values(paths).map(read));
        await start();
        const after = await Promise.all(Object.values(paths).map(read));
        expect(after).toEqual(before);
      });
    });

    describe('a rogue is refused', () => {
      test.each(['review', 'published-keys'])('whatever it shows (tokens: %s)', async (tokens) => {
        const identity = await start({ tokens });
        const refused = async (code: number, token: string, request: Parameters<typeof certify>[2] = {}) =>
          expect(certify(identity, token, request)).rejects.toMatchObject({ code });
        const own = await tokenOf('web');
        check(await certify(identity, own), await bundle());

        // Another account, another audience, no token at all.
        await refused(status.FAILED_PRECONDITION, await tokenOf('api'));
        await refused(status.FAILED_PRECONDITION, await tokenOf('web', 'https://kubernetes.default.svc.cluster.local'));
        await refused(status.INVALID_ARGUMENT, 'secret');
        // Expired, and changed after it was signed.
        const [header, claims, signature] = own.split('.');
        const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
        const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
        const seconds = Math.floor(Date.now() / 1000);
        const old = { ...decode(claims), iat: seconds - 7200, nbf: seconds - 7200, exp: seconds - 3600 };
        await refused(status.FAILED_PRECONDITION, signed(header, encode(old)));
        await refused(status.FAILED_PRECONDITION, new TestTokens().issue('shop:web'));
        const forged = { ...decode(claims), sub: 'system:serviceaccount:shop:api' };
        await refused(status.FAILED_PRECONDITION, `${header}.${encode(forged)}.${signature}`, {
          identity: web.replace('web', 'api'),
        });
        // A request for another name, and with another name's request.
        await refused(status.FAILED_PRECONDITION, own, { identity: web.replace('web', 'api') });
        const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
        const csr = certificateSigningRequest(web.replace('web', 'api'), privateKey, publicKey);
        await refused(status.FAILED_PRECONDITION, own, { csr });
      });

      test('the token of an account that was deleted does not pass a review', async () => {
        const identity = await start();
        const token = await tokenOf('gone');
        const gone = { identity: web.replace('web', 'gone') };
        await certify(identity, token, gone);
        await server.kubectl(['delete', 'serviceaccount', 'gone', '--namespace=shop']);
        // The API server takes a token that it has just taken for ten seconds more.
        await vi.waitFor(
          () => expect(certify(identity, token, gone)).rejects.toMatchObject({ code: status.FAILED_PRECONDITION }),
          { timeout: 20_000, interval: 500 },
        );
      }, 30_000);

      /** With the key of the API server's tokens: only its claims can be wrong. */
      function signed(header: string, claims: string): string {
        const key = createPrivateKey(readFileSync(join(server.folder, 'accounts.key')));
        const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString());
        const input = Buffer.from(`${header}.${claims}`);
        const signature = sign('sha256', input, alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key);
        return `${header}.${claims}.${signature.toString('base64url')}`;
      }
    });

    test("a user's issuer is used and never changed, and the next one is taken within seconds", async () => {
      const [first, second] = await Promise.all(
        [1, 2].map(async () => {
          const root = await createAuthority({ name: 'my root', lifetimeMs: year, nowMs: Date.now() });
          const issuer = await createAuthority({ name: 'mine', lifetimeMs: day, nowMs: Date.now(), signedBy: root });
          return { root, issuer };
        }),
      );
      const secret = ({ root, issuer }: typeof first) =>
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'tulle-identity-issuer', namespace: 'tulle' },
          stringData: {
            'ca.crt': root.certificate,
            'crt.pem': issuer.certificate,
            'key.pem': issuer.key,
          },
        });
      await server.kubectl(['apply', '-f', '-'], secret(first));
      const { metadata } = await read(paths.issuer);
      const identity = await start();
      expect(await bundle()).toBe(first.root.certificate);
      check(await certify(identity, await tokenOf('web')), first.root.certificate);
      await expect(read(paths.anchor)).rejects.toMatchObject({ status: 404 });
      expect((await read(paths.issuer)).metadata.resourceVersion).toBe(metadata.resourceVersion);

      await server.kubectl(['apply', '-f', '-'], secret(second));
      const token = await tokenOf('web');
      await vi.waitFor(async () => check(await certify(identity, token), second.root.certificate), {
        timeout: 10_000,
        interval: 200,
      });
      expect(readCertificates(await bundle())).toHaveLength(2);
    });

    test('a broken issuer is told, and the last good one goes on', async () => {
      const identity = await start();
      await server.client.patch(paths.issuer, { data: { 'tls.crt': 'AAAA' } }, 'merge');
      await vi.waitFor(
        async () => {
          const { items } = await server.client.get<{ items: { reason: string; message: string }[] }>('/api/v1/events');
          expect(items.find(({ reason }) => reason === 'IssuerUpdateSkipped')?.message).toContain(
            'Secret tulle/tulle-identity-issuer: tls.crt (or crt.pem) holds no PEM certificate',
          );
        },
        { timeout: 10_000, interval: 200 },
      );
      check(await certify(identity, await tokenOf('web')), await bundle());
      expect(await ready(identity)).toBe(200);
    });

    test('issuer and anchor are renewed in time by one of the replicas, and old anchors dropped at their end', async () => {
      const [one, two] = await Promise.all([start(), start()]);
      const first = { issuer: await issuerPem(), bundle: await bundle() };
      const token = await tokenOf('web');
      const later = { timeout: 15_000, interval: 200 };

      clock.aheadMs = 0.75 * year;
      await vi.waitFor(async () => expect(await issuerPem()).not.toBe(first.issuer), later);
      expect(await bundle()).toBe(first.bundle);

      clock.aheadMs = 7.1 * year;
      await vi.waitFor(async () => expect(readCertificates(await bundle())).toHaveLength(2), later);
      const both = await bundle();
      const [next] = readCertificates(both);
      await vi.waitFor(async () => {
        for (const replica of [one, two]) {
          const response = await certify(replica, token);
          const issuer = new X509Certificate(response.intermediateCertificates[0]);
          expect(issuer.verify(next.publicKey)).toBe(true);
          // Proxies that started before the rotation.
          check(response, first.bundle);
          check(response, both);
        }
      }, later);

      clock.aheadMs = 10.1 * year;
      await vi.waitFor(async () => expect(await bundle()).toBe(next.toString()), later);
    }, 60_000);

    describe('the trust anchors', () => {
      const inNamespace = (name: string) => `/api/v1/namespaces/${name}/configmaps/tulle-identity-trust-roots`;

      test('are in every namespace, in a new one within a second, and follow the bundle', async () => {
        await Promise.all([start(), start()]);
        const published = async (name: string) => expect((await read(inNamespace(name))).data['ca-bundle.crt']);
        await vi.waitFor(async () => (await published('shop')).toBe(await bundle()), { timeout: 5000 });
        (await published('default')).toBe(await bundle());

        const startMs = Date.now();
        await server.kubectl(['create', 'namespace', 'fresh']);
        await vi.waitFor(async () => (await published('fresh')).toBe(await bundle()), { timeout: 1000, interval: 20 });
        expect(Date.now() - startMs).toBeLessThan(2000);
        for (const system of ['kube-system', 'kube-public']) {
          await expect(read(inNamespace(system))).rejects.toMatchObject({ status: 404 });
        }

        await server.client.delete(paths.anchor);
        await vi.waitFor(async () => expect(readCertificates(await bundle())).toHaveLength(2), { timeout: 10_000 });
        await vi.waitFor(async () => (await published('fresh')).toBe(await bundle()), { timeout: 5000 });
      });

      test('are published by another replica when the first one stops', async () => {
        const [first] = await Promise.all([start(), start()]);
        await running.splice(running.indexOf(first), 1)[0].stop();
        await server.kubectl(['create', 'namespace', 'second']);
        const wanted = await bundle();
        await vi.waitFor(async () => expect((await read(inNamespace('second'))).data['ca-bundle.crt']).toBe(wanted), {
          timeout: 15_000,
          interval: 100,
        });
      });

      test('are given to no namespace that ends, and mended where somebody changed them', async () => {
        // Without controllers it ends for ever.
        await server.kubectl(['create', 'namespace', 'ending']);
        await server.kubectl(['delete', 'namespace', 'ending', '--wait=false']);
        await server.client.create('/api/v1/namespaces/shop/configmaps', {
          metadata: { name: 'tulle-identity-trust-roots', annotations: { kept: 'yes' } },
          data: { 'ca-bundle.crt': 'changed', other: 'kept' },
        });
        const identity = await start();
        const wanted = await bundle();
        await vi.waitFor(async () =>
          expect(await read(inNamespace('shop'))).toMatchObject({
            metadata: { annotations: { kept: 'yes' }, labels: { 'linkerd.io/control-plane-ns': 'tulle' } },
            data: { 'ca-bundle.crt': wanted, other: 'kept' },
          }),
        );
        await expect(read(inNamespace('ending'))).rejects.toMatchObject({ status: 404 });
        expect(await metric(identity, 'identity_trust_roots_writes_total{result="failed"}')).toBeUndefined();
        expect(Number(await metric(identity, 'identity_trust_roots_namespaces'))).toBeGreaterThanOrEqual(2);
      });

      test('are not written over those of another mesh', async () => {
        await server.client.create('/api/v1/namespaces/default/configmaps', {
          metadata: { name: 'tulle-identity-trust-roots', labels: { 'linkerd.io/control-plane-ns': 'other' } },
          data: { 'ca-bundle.crt': 'theirs' },
        });
        await start();
        await vi.waitFor(async () =>
          expect((await read(inNamespace('shop'))).data['ca-bundle.crt']).toBe(await bundle()),
        );
        expect((await read(inNamespace('default'))).data['ca-bundle.crt']).toBe('theirs');
      });

      afterEach(async () => {
        for (const name of ['shop', 'default', 'fresh', 'second'])
          await server.client.delete(inNamespace(name)).catch(() => {});
      });
    });

    test('without the right to review tokens it is not ready, and says what to grant', async () => {
      const role = '/apis/rbac.authorization.k8s.io/v1/clusterroles/tulle-tulle-identity';
      const { rules } = await server.client.get<{ rules: { resources: string[] }[] }>(role);
      const without = rules.filter(({ resources }) => !resources.includes('tokenreviews'));
      await server.client.patch(role, { rules: without }, 'merge');
      await vi.waitFor(async () => {
        const denied = await server
          .kubectl([
            ...['auth', 'can-i', 'create', 'tokenreviews.authentication.k8s.io'],
            '--as=system:serviceaccount:tulle:tulle-identity',
          ])
          .catch((error: Error) => error.message);
        expect(denied).not.toContain('yes');
      });
      const identity = await start();
      expect(await ready(identity)).toBe(503);
      expect(logged.some(({ problem }) => `${problem}`.includes('creating tokenreviews is not allowed'))).toBe(true);
      await server.client.patch(role, { rules }, 'merge');
      await vi.waitFor(async () => expect(await ready(identity)).toBe(200), { timeout: 10_000 });
    });
  },
);
