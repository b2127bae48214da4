import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { injectConfig } from '../../lib/inject/index.ts';
import { testCertificate } from '../../test/cluster/api-server/certificates.ts';
import { servePods } from '../testing/pods-of-processes.ts';
import { type CommandRun, run } from '../testing/run.ts';
import { readCertificate } from './certificate-text.ts';

const identity = (account: string): string => `${account}.shop.serviceaccount.identity.tulle.cluster.local`;
const pod = (name: string, serviceAccountName: string, adminPort: number) => ({
  metadata: { name, namespace: 'shop' },
  spec: {
    serviceAccountName,
    initContainers: [{ name: 'tulle-proxy', readinessProbe: { httpGet: { port: adminPort } } }],
  },
  status: { phase: 'Running' },
});

let admin: Server;
let shown: Buffer;
let cluster: Awaited<ReturnType<typeof servePods>>;
const askedFor: string[] = [];
beforeAll(async () => {
  const authority = await testCertificate('CN=identity.tulle.cluster.local');
  const leaf = await testCertificate(`CN=${identity('web')}`, authority, [{ type: 'dns', value: identity('web') }]);
  shown = Buffer.from(leaf.certificate.rawData);
  // As a sidecar does: without a certificate of the client, nothing is answered.
  const options = { cert: leaf.cert, key: leaf.key, ca: authority.cert, requestCert: true, rejectUnauthorized: true };
  admin = createServer({
    ...options,
    SNICallback: (name, done) => {
      askedFor.push(name);
      done(null);
    },
  });
  admin.on('tlsClientError', () => {});
  admin.listen(0, '127.0.0.1');
  await once(admin, 'listening');
  const config = { data: { values: JSON.stringify(injectConfig()), install: '{"given":{}}' } };
  cluster = await servePods({
    ports: { 4191: (admin.address() as AddressInfo).port },
    answers: {
      '/api/v1/namespaces/tulle/configmaps/tulle-config': JSON.stringify(config),
      '/api/v1/namespaces/shop/pods': {
        items: [pod('web-1', 'web', 4191), pod('other-1', 'other', 4191), pod('away-1', 'web', 4999)],
      },
    },
  });
});
afterAll(() => {
  cluster.close();
  admin.close();
});
const show = (...args: string[]): Promise<CommandRun> =>
  run(['identity', '-n', 'shop', ...args, '--kubeconfig', cluster.kubeconfig]).catch((failed) => failed);

it('shows what a sidecar presents to who asks for its name, by a port-forward', async () => {
  const { out, error } = await show('web-1');
  expect(error).toBeUndefined();
  expect(out).toMatch(/^POD shop\/web-1\nCertificate:\n {4}Serial Number: [0-9A-F]+\n {4}Issuer: CN=identity\.tulle/);
  expect(out).toContain(`Subject: CN=${identity('web')}\n`);
  expect(out).toContain('Public Key: ec prime256v1\n');
  expect(out).toMatch(/Not After : \S+Z \(23h 59m left\)\n/);
  expect(askedFor).toContain(identity('web'));
  const [row] = JSON.parse((await show('pod/web-1', '-o', 'json')).out);
  expect(row).toMatchObject({ pod: 'web-1', names: [`DNS:${identity('web')}`], identity: identity('web') });
  expect((await show('web-1', '-o', 'table')).out).toMatch(
    /^NAMESPACE +POD +IDENTITY .*\nshop +web-1 +DNS:web\.shop\./,
  );
});

it('one that shows the certificate of another, and one that shows none, are named; the rest is shown', async () => {
  const { out, error } = await show();
  expect(out.match(/^POD /gm)).toHaveLength(2);
  expect(error?.message).toContain('shop/other-1 shows the certificate of another');
  expect(error?.message).toMatch(/shop\/away-1: /);
  expect(error).toMatchObject({ exitCode: 1 });
});

it('a pod that is not there, and a name beside a selector, are told', async () => {
  expect((await show('nobody')).error?.message).toBe(
    'no pod/nobody with a sidecar in namespace shop (-n names another, -A all)',
  );
  expect((await show('web-1', '-l', 'app=web')).error).toMatchObject({ exitCode: 64 });
});

it('the time that is left is counted from now, and what has ended is told', () => {
  const at = (nowMs: number): number =>
    readCertificate(shown, { namespace: 'shop', pod: 'web-1', identity: identity('web') }, nowMs).secondsLeft;
  const end = Date.parse(
    readCertificate(shown, { namespace: 'shop', pod: 'web-1', identity: identity('web') }, 0).notAfter,
  );
  expect(at(end - 1000)).toBe(1);
  expect(at(end + 1000)).toBe(-1);
});

it('who may not read the settings of the mesh is shown the certificates of sidecars that say which mesh they are of', async () => {
  const ports = { 4191: (admin.address() as AddressInfo).port };
  const own = pod('web-1', 'web', 4191);
  const env = [
    { name: '_l5d_ns', value: 'tulle' },
    { name: '_l5d_trustdomain', value: 'cluster.local' },
  ];
  const sidecar = { ...own.spec.initContainers[0], env };
  const items = [{ ...own, spec: { ...own.spec, initContainers: [sidecar] } }, pod('mute-1', 'web', 4191)];
  const answers = {
    '/api/v1/namespaces/tulle/configmaps/tulle-config': 403,
    '/api/v1/namespaces/shop/pods': { items },
  };
  const refusing = await servePods({ ports, answers });
  try {
    const args = ['identity', '-n', 'shop', '-o', 'json', '--kubeconfig', refusing.kubeconfig];
    const failed: CommandRun = await run(args).catch((failure) => failure);
    expect(JSON.parse(failed.out)).toMatchObject([{ pod: 'web-1', identity: identity('web') }]);
    expect(failed.err).toContain('you may not get configmaps/tulle-config in namespace tulle');
    expect(failed.error?.message).toContain('shop/mute-1: the trust domain of its mesh is not known');
    expect((await run([...args, 'web-1']).catch((failure) => failure)).err).toBe('');
  } finally {
    refusing.close();
  }
});
