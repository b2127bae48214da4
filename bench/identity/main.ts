/**
 * Measures how many certificates the identity component issues for a second of CPU: gRPC, the check of the token with
 * published keys, the signing request, the signature and the log line included.
 */
import { fork } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { credentials, Metadata } from '@grpc/grpc-js';
import { CertifyRequestSchema, Identity } from '../../api/gen/identity_pb.js';
import { GrpcClient } from '../../api/grpc.ts';
import { createAuthority } from '../../control-plane/certificates/create-certificate.ts';
import { TestTokens } from '../../control-plane/identity/testing.ts';
import { controllerNodeOptions } from '../../images/contents.ts';
import { identityName } from '../../lib/contract/names.ts';
import { certificateSigningRequest } from '../../proxy/identity/csr.ts';
import { parseNumbers } from '../flags.ts';
import { cpuMicros } from '../measure/processes.ts';

const {
  certificates,
  clients,
  'per-second': limit,
} = parseNumbers('usage: npm run bench:identity -- [--certificates 5000] [--clients 20] [--per-second 1000]', {
  certificates: 5000,
  clients: 20,
  'per-second': 1000,
});

const warmUp = 500;
const deadlineMs = 10_000;
const accounts = 50;
const mesh = { meshNamespace: 'tulle', trustDomain: 'cluster.local' };

const folder = mkdtempSync(join(tmpdir(), 'tulle-bench-identity-'));
const year = 365 * 86_400_000;
const anchor = await createAuthority({ name: 'root', lifetimeMs: year, nowMs: Date.now() });
const issuer = await createAuthority({ name: 'identity', lifetimeMs: year, nowMs: Date.now(), signedBy: anchor });
const tokens = new TestTokens();
const files = {
  'issuer.crt': issuer.certificate,
  'issuer.key': issuer.key,
  'anchors.crt': anchor.certificate,
  'jwks.json': tokens.keySet,
};
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });

const requests = Array.from({ length: accounts }, (_, index) => {
  const name = `web-${index}`;
  const identity = identityName(name, 'shop', mesh);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return create(CertifyRequestSchema, {
    identity,
    token: Buffer.from(tokens.issue(`shop:${name}`)),
    certificateSigningRequest: certificateSigningRequest(identity, privateKey, publicKey),
  });
});

const server = fork(resolve(import.meta.dirname, 'server.ts'), [folder], {
  stdio: 'inherit',
  execArgv: [...controllerNodeOptions],
});
const exited = once(server, 'exit').then(([code]) => {
  throw new Error(`the server ended with ${code}`);
});
exited.catch(() => {});
const connections: GrpcClient[] = [];
try {
  const [{ port }] = (await Promise.race([once(server, 'message'), exited])) as [{ port: number }];
  for (let i = 0; i < clients; i++) {
    connections.push(
      new GrpcClient(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 }),
    );
  }
  const certify = (client: GrpcClient, index: number): Promise<void> =>
    new Promise((done, failed) =>
      client.unary(
        Identity.method.certify,
        requests[index % accounts],
        { metadata: new Metadata(), deadlineMs: Date.now() + deadlineMs },
        (error) => (error ? failed(error) : done()),
      ),
    );
  const issue = async (count: number): Promise<void> => {
    let next = 0;
    await Promise.all(
      connections.map(async (client) => {
        while (next < count) await certify(client, next++);
      }),
    );
  };
  await Promise.race([issue(warmUp), exited]);
  const begun = performance.now();
  const before = cpuMicros([server.pid!]);
  await Promise.race([issue(certificates), exited]);
  const cpuSeconds = (cpuMicros([server.pid!]) - before) / 1e6;
  const seconds = (performance.now() - begun) / 1000;
  const perSecond = certificates / cpuSeconds;
  console.log(
    `${availableParallelism()} × ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}, Node ${process.version}: ` +
      `${certificates} certificates for ${clients} clients in ${seconds.toFixed(1)} s`,
  );
  const holds = perSecond >= limit;
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${perSecond.toFixed(0)} certificates for a second of CPU (${limit} or more)`);
  process.exitCode = holds ? 0 : 1;
} finally {
  for (const client of connections) client.close();
  server.disconnect();
  rmSync(folder, { recursive: true, force: true });
}
