import { generateKeyPairSync } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { CertifyRequestSchema, Identity } from '../../api/gen/identity_pb.js';
import { GrpcClient } from '../../api/grpc.ts';
import { certificateSigningRequest } from '../../proxy/identity/csr.ts';
import { GrpcServer } from '../serving/grpc-server.ts';
import { identityService } from './identity-service.ts';
import { Issuer } from './issuer.ts';
import { TestTokens, testAuthority } from './testing.ts';
import { TokenReviewer } from './token-review.ts';

const web = 'web.shop.serviceaccount.identity.tulle.cluster.local';
const limits = { concurrency: 50, maxWaiting: 300, maxWaitMs: 15_000, maxWorkMs: 15_000 };
/** Until the API server answers. */
const answers = Promise.withResolvers<void>();
const registry = new Registry();
let server: GrpcServer;
let client: GrpcClient;
let mostReviews = 0;

beforeAll(async () => {
  const root = await testAuthority('root.tulle.cluster.local');
  const issuer = await Issuer.load({ certificate: root.pem, key: root.keyPem, trustAnchors: root.pem }, Date.now());
  let reviews = 0;
  const api = {
    async create<T>(): Promise<T> {
      mostReviews = Math.max(mostReviews, ++reviews);
      await answers.promise;
      reviews--;
      const user = { username: 'system:serviceaccount:shop:web' };
      return { status: { authenticated: true, audiences: ['identity.l5d.io'], user } } as T;
    },
  };
  const tokens = new TokenReviewer({ api, audience: 'identity.l5d.io', registry });
  tokens.ready = true;
  const options = {
    meshNamespace: 'tulle',
    trustDomain: 'cluster.local',
    clockSkewMs: 20_000,
    nowMs: Date.now,
    tokens,
  };
  const more = { issuanceLifetimeMs: 86_400_000, issuer: () => issuer };
  server = new GrpcServer({
    services: [identityService({ ...options, ...more }, pino({ level: 'silent' }), registry, limits)],
    onFailure: (_path, error) => expect.unreachable(error.message),
    random: Math.random,
  });
  const port = await server.listen('127.0.0.1', 0);
  client = new GrpcClient(`127.0.0.1:${port}`, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await server.stop(0);
});

const metric = async (name: string, reason?: string): Promise<number> =>
  (await registry.getSingleMetric(name)!.get()).values.find(({ labels }) => labels['reason'] === reason)?.value ?? 0;

test('of 1,000 requests at once, as many as may wait are served, and the others told at once to come back', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = create(CertifyRequestSchema, {
    identity: web,
    token: Buffer.from(new TestTokens().issue('shop:web')),
    certificateSigningRequest: certificateSigningRequest(web, privateKey, publicKey),
  });
  const refused: ServiceError[] = [];
  const certify = () =>
    new Promise<boolean>((resolve) =>
      client.unary(
        Identity.method.certify,
        request,
        { metadata: new Metadata(), deadlineMs: Date.now() + 15_000 },
        (error) => {
          if (error) refused.push(error);
          resolve(!error);
        },
      ),
    );
  const all = Promise.all(Array.from({ length: 1000 }, certify));
  const taken = limits.concurrency + limits.maxWaiting;
  await vi.waitFor(() => expect(refused).toHaveLength(1000 - taken), 10_000);
  expect(await metric('identity_certifications_in_flight')).toBe(limits.concurrency);
  expect(await metric('identity_certifications_waiting')).toBe(limits.maxWaiting);
  expect(await metric('identity_token_reviews_in_flight')).toBe(limits.concurrency);
  answers.resolve();
  const served = (await all).filter(Boolean).length;
  expect([served, mostReviews]).toEqual([taken, limits.concurrency]);
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set([status.RESOURCE_EXHAUSTED]));
  expect(refused[0].details).toBe('too many certificates are asked for, come back later: 300 wait already');
  expect(await metric('identity_leaf_certificates_issued_total')).toBe(served);
  expect(await metric('identity_leaf_certificates_refused_total', 'overloaded')).toBe(1000 - served);
  // Who comes back is served.
  expect(await certify()).toBe(true);
  expect(await metric('identity_certifications_in_flight')).toBe(0);
});
