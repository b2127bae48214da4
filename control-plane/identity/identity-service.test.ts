import 'reflect-metadata';
import { generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { credentials, Metadata, status } from '@grpc/grpc-js';
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CertifyRequestSchema, type CertifyResponse, Identity } from '../../api/gen/identity_pb.js';
import { GrpcClient } from '../../api/grpc.ts';
import { certificateSigningRequest } from '../../proxy/identity/csr.ts';
import { authorityConstraints, signCertificate, signsCertificates } from '../certificates/certificate-parts.ts';
import { der, Fields, readElement, tag } from '../certificates/der.ts';
import { GrpcServer } from '../serving/grpc-server.ts';
import { identityService } from './identity-service.ts';
import { Issuer } from './issuer.ts';
import { KeySet } from './key-set.ts';
import { KeySetAuthenticator } from './key-set-authenticator.ts';
import { type TestAuthority, TestTokens, testAuthority } from './testing.ts';

const web = 'web.shop.serviceaccount.identity.tulle.cluster.local';
const api = 'api.shop.serviceaccount.identity.tulle.cluster.local';
const tokens = new TestTokens();
const registry = new Registry();
const logged: Record<string, unknown>[] = [];
let issuer: Issuer | undefined;
let root: TestAuthority;
let intermediate: TestAuthority;
let client: GrpcClient;
let server: GrpcServer;
let port: number;

beforeAll(async () => {
  root = await testAuthority('root.tulle.cluster.local');
  intermediate = await testAuthority('identity.tulle.cluster.local', { parent: root });
  const pem = { certificate: intermediate.pem, key: intermediate.keyPem, trustAnchors: root.pem };
  issuer = await Issuer.load(pem, Date.now());
  const keySet = KeySet.parse(tokens.keySet);
  const options = {
    meshNamespace: 'tulle',
    trustDomain: 'cluster.local',
    issuanceLifetimeMs: 86_400_000,
    clockSkewMs: 20_000,
    nowMs: Date.now,
    issuer: () => issuer,
    tokens: new KeySetAuthenticator(
      { audience: 'identity.l5d.io', clockSkewMs: 20_000, nowMs: Date.now },
      () => keySet,
    ),
  };
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  server = new GrpcServer({
    services: [identityService(options, log, registry)],
    onFailure: (_path, error) => expect.unreachable(error.message),
    random: Math.random,
  });
  port = await server.listen('127.0.0.1', 0);
  client = new GrpcClient(`127.0.0.1:${port}`, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await server.stop(0);
});

function request(name: string): Uint8Array {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return certificateSigningRequest(name, privateKey, publicKey);
}

function certify(identity: string, token: string, csr: Uint8Array): Promise<CertifyResponse> {
  const message = create(CertifyRequestSchema, { identity, token: Buffer.from(token), certificateSigningRequest: csr });
  return new Promise((resolve, reject) =>
    client.unary(
      Identity.method.certify,
      message,
      { metadata: new Metadata(), deadlineMs: Date.now() + 5000 },
      (error, response) => (response === undefined ? reject(error) : resolve(response)),
    ),
  );
}

test('a workload with its token gets a leaf for its name, for a day, that leads to the anchor', async () => {
  const response = await certify(web, tokens.issue('shop:web'), request(web));
  const leaf = new X509Certificate(response.leafCertificate);
  const [shown] = response.intermediateCertificates.map((der) => new X509Certificate(der));
  expect(leaf.subjectAltName).toBe(`DNS:${web}`);
  expect(leaf.ca).toBe(false);
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  expect(leaf.verify(shown.publicKey)).toBe(true);
  expect(shown.verify(new X509Certificate(root.pem).publicKey)).toBe(true);
  const lifetime = Date.parse(leaf.validTo) - Date.now();
  expect(lifetime).toBeGreaterThan(86_300_000);
  expect(lifetime).toBeLessThan(86_500_000);
  expect(Number(response.validUntil?.seconds)).toBe(Date.parse(leaf.validTo) / 1000);
});

describe('refused', () => {
  const yesterday = Math.floor(Date.now() / 1000) - 86_400;
  const foreign = new TestTokens();
  test.each<[string, number, string, () => [string, string, Uint8Array]]>([
    [
      'the token of another workload',
      status.FAILED_PRECONDITION,
      'other identity',
      () => [web, tokens.issue('shop:api'), request(web)],
    ],
    [
      'a signing request for another name',
      status.FAILED_PRECONDITION,
      'signing request',
      () => [web, tokens.issue('shop:web'), request(api)],
    ],
    [
      'an expired token',
      status.FAILED_PRECONDITION,
      'token',
      () => [web, tokens.issue('shop:web', { exp: yesterday }), request(web)],
    ],
    [
      'a token that is not valid yet',
      status.FAILED_PRECONDITION,
      'token',
      () => [web, tokens.issue('shop:web', { nbf: Date.now() / 1000 + 600 }), request(web)],
    ],
    [
      'a token for another audience',
      status.FAILED_PRECONDITION,
      'token',
      () => [web, tokens.issue('shop:web', { aud: 'api' }), request(web)],
    ],
    [
      'a token that another key signed',
      status.FAILED_PRECONDITION,
      'token',
      () => [web, foreign.issue('shop:web'), request(web)],
    ],
    [
      'a token that claims to need no signature',
      status.FAILED_PRECONDITION,
      'token',
      () => [web, tokens.issue('shop:web', {}, { alg: 'none' }), request(web)],
    ],
    ['something that is no token', status.INVALID_ARGUMENT, 'malformed', () => [web, 'secret', request(web)]],
    ['an empty token', status.INVALID_ARGUMENT, 'malformed', () => [web, '', request(web)]],
    ['an empty identity', status.INVALID_ARGUMENT, 'malformed', () => ['', tokens.issue('shop:web'), request(web)]],
    [
      'something that is no signing request',
      status.INVALID_ARGUMENT,
      'malformed',
      () => [web, tokens.issue('shop:web'), new Uint8Array([48, 3, 1, 2, 3])],
    ],
    [
      'a token that does not hold, before its signing request is looked at',
      status.FAILED_PRECONDITION,
      'token',
      () => [web, foreign.issue('shop:web'), new Uint8Array([48, 3, 1, 2, 3])],
    ],
  ])('%s', async (_what, code, reason, make) => {
    const before = (await refusals())[reason] ?? 0;
    const args = make();
    await expect(certify(...args)).rejects.toMatchObject({ code });
    expect((await refusals())[reason]).toBe(before + 1);
    expect(logged.at(-1)).toMatchObject({ reason, identity: args[0] });
    expect(JSON.stringify(logged)).not.toContain(args[1] === '' ? 'eyJ' : args[1]);
  });

  test('a signing request whose key is RSA, or that asks for a second name', async () => {
    const rsa = {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-256',
    };
    const ec = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const name = (value: string) => ({ type: 'dns' as const, value });
    for (const [algorithm, names] of [
      [rsa, [name(web)]],
      [ec, [name(web), name(api)]],
      [ec, []],
    ] as const) {
      const keys = await webcrypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
      const csr = await Pkcs10CertificateRequestGenerator.create({
        keys,
        signingAlgorithm: algorithm,
        extensions: names.length > 0 ? [new SubjectAlternativeNameExtension([...names])] : [],
      });
      const der = new Uint8Array(csr.rawData);
      await expect(certify(web, tokens.issue('shop:web'), der)).rejects.toMatchObject({
        code: status.FAILED_PRECONDITION,
      });
    }
  });

  test('everything, while there is no issuer', async () => {
    const before = issuer;
    issuer = undefined;
    await expect(certify(web, tokens.issue('shop:web'), request(web))).rejects.toMatchObject({
      code: status.UNAVAILABLE,
    });
    issuer = before;
  });

  async function refusals(): Promise<Record<string, number>> {
    const metric = await registry.getSingleMetric('identity_leaf_certificates_refused_total')!.get();
    return Object.fromEntries(metric.values.map(({ labels, value }) => [labels['reason'], value]));
  }
});

describe('an issuer is not taken', () => {
  const load = (pem: { certificate: string; key: string; trustAnchors: string }) => Issuer.load(pem, Date.now());

  test('that no anchor signed', async () => {
    const other = await testAuthority('other');
    await expect(load({ certificate: other.pem, key: other.keyPem, trustAnchors: root.pem })).rejects.toThrow(
      'the issuer certificate does not lead to a trust anchor',
    );
  });

  test('that is no authority', async () => {
    const leaf = await testAuthority('leaf', { parent: root, ca: false });
    await expect(load({ certificate: leaf.pem, key: leaf.keyPem, trustAnchors: root.pem })).rejects.toThrow(
      'must be a certificate authority',
    );
  });

  test('that has ended', async () => {
    const old = await testAuthority('old', { parent: root, notAfter: new Date(Date.now() - 1000) });
    await expect(load({ certificate: old.pem, key: old.keyPem, trustAnchors: root.pem })).rejects.toThrow('ended on');
  });

  test('whose key is that of another', async () => {
    await expect(load({ certificate: intermediate.pem, key: root.keyPem, trustAnchors: root.pem })).rejects.toThrow(
      'the issuer key does not belong to the issuer certificate',
    );
  });
});

test('a leaf names its issuer byte for byte as the issuer’s own certificate does', async () => {
  const named = (id: string, kind: number, text: string) =>
    der(tag.set, der(tag.sequence, der(tag.objectIdentifier, Buffer.from(id, 'hex')), der(kind, Buffer.from(text))));
  // As other tools write names: several parts, and texts of several kinds.
  const subject = der(
    tag.sequence,
    named('550406', tag.printableString, 'NL'),
    named('55040a', tag.utf8String, 'Größe'),
    named('550403', 0x14, 'issuer'),
  );
  const above = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const times = { notBeforeMs: Date.now() - 1000, notAfterMs: Date.now() + 3_600_000 };
  const authority = { ...times, extensions: [authorityConstraints(undefined), signsCertificates] };
  const anchor = signCertificate(
    { ...authority, issuer: subject, subject, publicKey: above.publicKey },
    above.privateKey,
  );
  const middle = signCertificate(
    { ...authority, issuer: subject, subject, publicKey: keys.publicKey },
    above.privateKey,
  );
  const loaded = await Issuer.load(
    {
      certificate: new X509Certificate(middle).toString(),
      key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      trustAnchors: new X509Certificate(anchor).toString(),
    },
    Date.now(),
  );
  const leaf = loaded.sign(web, keys.publicKey, Date.now(), 86_400_000, 20_000);
  const fields = new Fields(new Fields(readElement(leaf.certificate)).take());
  const [, , , issuerName] = [0xa0, tag.integer, tag.sequence, tag.sequence].map((each) => fields.take(each));
  expect(issuerName.raw).toEqual(subject);
  expect(new X509Certificate(leaf.certificate).verify(keys.publicKey)).toBe(true);
});

test('no leaf outlives its issuer', async () => {
  const notAfter = new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000);
  const short = await testAuthority('short', { parent: root, notAfter });
  const loaded = await Issuer.load({ certificate: short.pem, key: short.keyPem, trustAnchors: root.pem }, Date.now());
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { notAfter: end } = loaded.sign(web, publicKey, Date.now(), 86_400_000, 20_000);
  expect(end).toEqual(notAfter);
});

test('any gRPC client is served, not only the one of the proxies', async () => {
  const other = createClient(Identity, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
  const { leafCertificate } = await other.certify({
    identity: web,
    token: Buffer.from(tokens.issue('shop:web')),
    certificateSigningRequest: request(web),
  });
  expect(new X509Certificate(leafCertificate).subjectAltName).toBe(`DNS:${web}`);
});
