import { createPrivateKey, generateKeyPairSync, type KeyPairKeyObjectResult, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAuthority } from '../../control-plane/certificates/create-certificate.ts';
import { Issuer } from '../../control-plane/identity/issuer.ts';
import { certificatePem } from '../../proxy/identity/certificate.ts';
import { certificateSigningRequest } from '../../proxy/identity/csr.ts';
import { certify } from './api-server/certify.ts';
import { describeOnCluster } from './cluster.ts';
import type { Forward } from './kubectl.ts';
import { identityOf, meshNamespace } from './mesh.ts';
import { account, meshedNamespace, pageServer, pod } from './pods.ts';
import { type RunningPod, sidecarMetrics } from './sidecar.ts';

const ns = 'tulle-test-rogue';
const [web, friend, rogue] = ['web', 'friend', 'rogue'].map((name) => identityOf(name, ns));
const newKeys = (): KeyPairKeyObjectResult => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pemOf = ({ privateKey }: KeyPairKeyObjectResult): string =>
  privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

describeOnCluster('a rogue', ({ kubectl, kubeconfig, machines, ensureMesh }) => {
  let identity: Forward;
  const tokenOf = async (name: string, audience = 'identity.l5d.io'): Promise<string> =>
    (await kubectl.run(['create', 'token', name, '--namespace', ns, '--audience', audience])).trim();
  const refused = (token: string, request: Parameters<typeof certify>[2]) =>
    expect(certify(identity.port, token, request)).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });

  beforeAll(async () => {
    await ensureMesh();
    await kubectl.run(['delete', 'namespace', ns, '--ignore-not-found']);
    await kubectl.apply([
      meshedNamespace(ns),
      ...['web', 'friend', 'rogue'].map((name) => account(name, ns)),
      pod('web', ns, { ...pageServer('web'), ownAccount: true }),
      pod('stranger', ns, { annotations: { 'tulle.dev/inject': 'disabled' } }),
    ]);
    for (const name of ['web', 'stranger']) await kubectl.waitFor(`pod/${name}`, 'condition=Ready', ns);
    identity = await kubectl.portForward('service/tulle-identity', meshNamespace, 8080);
  });
  afterAll(async () => {
    identity?.stop();
    await kubectl.run(['delete', 'namespace', ns, '--ignore-not-found', '--wait=false']);
  });

  it('gets no certificate of another with its own token, nor by its own request', async () => {
    await certify(identity.port, await tokenOf('rogue'), { identity: rogue });
    await refused(await tokenOf('rogue'), { identity: web });
    const { privateKey, publicKey } = newKeys();
    const csr = certificateSigningRequest(web, privateKey, publicKey);
    await refused(await tokenOf('rogue'), { identity: rogue, csr });
  });

  it('gets none with a token that was made for somebody else', async () => {
    await refused(await tokenOf('web', 'https://kubernetes.default.svc.cluster.local'), { identity: web });
  });

  const signs = machines ? { it, unless: '' } : { it: it.skip, unless: ' (skipped: the key of tokens is not ours)' };
  signs.it(`gets none with a token whose time is over${signs.unless}`, async () => {
    const [header, claims] = (await tokenOf('web')).split('.');
    const key = createPrivateKey(readFileSync(join(dirname(kubeconfig), 'pki/sa.key')));
    const signed = (changes: object): string => {
      const changed = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), ...changes };
      const input = `${header}.${Buffer.from(JSON.stringify(changed)).toString('base64url')}`;
      const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString());
      const how = alg === 'ES256' ? ({ key, dsaEncoding: 'ieee-p1363' } as const) : key;
      return `${input}.${sign('sha256', Buffer.from(input), how).toString('base64url')}`;
    };
    // The signature is right, and only the time is not.
    await certify(identity.port, signed({}), { identity: web });
    const seconds = Math.floor(Date.now() / 1000);
    await refused(signed({ iat: seconds - 7200, nbf: seconds - 7200, exp: seconds - 3600 }), { identity: web });
  });

  it('is not let in with a certificate of a foreign authority, and that is counted', async () => {
    const keys = newKeys();
    const csr = certificateSigningRequest(friend, keys.privateKey, keys.publicKey);
    const own = await certify(identity.port, await tokenOf('friend'), { identity: friend, csr });
    const chain = [own.leafCertificate, ...own.intermediateCertificates].map(certificatePem).join('');
    expect(await callWeb(pemOf(keys), chain)).toBe('200 web');

    const foreignKeys = newKeys();
    const nowMs = Date.now();
    const root = await createAuthority({ name: 'foreign', lifetimeMs: 86_400_000, nowMs });
    const issuer = await Issuer.load({ ...root, trustAnchors: root.certificate }, nowMs);
    const leaf = issuer.sign(friend, foreignKeys.publicKey, nowMs, 3_600_000, 0);
    const foreign = [leaf.certificate, ...leaf.intermediates].map(certificatePem).join('');
    const before = await refusedHandshakes();
    expect(await callWeb(pemOf(foreignKeys), foreign)).toMatch(/^refused: /);
    expect((await refusedHandshakes()) - before).toBe(1);
  });
  const refusedHandshakes = async (): Promise<number> =>
    (await sidecarMetrics(kubectl, 'web', ns)).sum('inbound_tcp_errors_total', { error: 'tls handshake' });

  /** What web's sidecar answers to a client that is no sidecar and shows `chain`. */
  async function callWeb(key: string, chain: string): Promise<string> {
    const { status: pods } = await kubectl.get<RunningPod>(['pod', 'web', '--namespace', ns]);
    const program = `
      const [, host, servername, key, cert] = process.argv;
      const options = { host, port: 8080, servername, key, cert, rejectUnauthorized: false, timeout: 10_000 };
      const call = require('node:https').request(options, async (answer) => {
        const text = (await answer.toArray()).join('').trim();
        process.stdout.write(answer.statusCode + ' ' + text);
      });
      call.on('timeout', () => call.destroy(new Error('no answer')));
      call.on('error', (error) => process.stdout.write('refused: ' + error.message));
      call.end();`;
    return kubectl.podExec('stranger', ns, ['node', '--eval', program, pods.podIP, web, key, chain]);
  }
});
