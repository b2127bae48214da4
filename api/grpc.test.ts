import { create } from '@bufbuild/protobuf';
import { credentials, Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Destination, GetDestinationSchema, UpdateSchema } from './gen/destination_pb.js';
import { CertifyRequestSchema, CertifyResponseSchema, Identity } from './gen/identity_pb.js';
import { GrpcClient, grpcHandlers, grpcService } from './grpc.ts';

const server = new Server();
let client: GrpcClient;

beforeAll(async () => {
  server.addService(
    grpcService(Identity),
    grpcHandlers(Identity, {
      certify(call, reply) {
        if (call.request.identity === '') reply({ code: status.INVALID_ARGUMENT, details: 'identity is empty' });
        else reply(null, create(CertifyResponseSchema, { leafCertificate: call.request.token }));
      },
    }),
  );
  server.addService(
    grpcService(Destination),
    grpcHandlers(Destination, {
      get(call) {
        for (const exists of [false, true]) {
          call.write(create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists } } }));
        }
        call.end();
      },
      getProfile(call) {
        call.end();
      },
    }),
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
  client = new GrpcClient(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterAll(() => {
  client.close();
  server.forceShutdown();
});

const options = () => ({ metadata: new Metadata(), deadlineMs: Date.now() + 5000 });

test('a unary call carries the messages of the generated service', async () => {
  const leaf = await new Promise((resolve, reject) =>
    client.unary(
      Identity.method.certify,
      create(CertifyRequestSchema, { identity: 'web', token: new Uint8Array([1, 2, 3]) }),
      options(),
      (error, response) => (error ? reject(error) : resolve([...(response?.leafCertificate ?? [])])),
    ),
  );
  expect(leaf).toEqual([1, 2, 3]);
});

test('a refused call reports its status', async () => {
  const code = await new Promise((resolve) =>
    client.unary(Identity.method.certify, create(CertifyRequestSchema), options(), (error) => resolve(error?.code)),
  );
  expect(code).toBe(status.INVALID_ARGUMENT);
});

test('a server stream carries every message in order', async () => {
  const seen: unknown[] = [];
  for await (const update of client.stream(Destination.method.get, create(GetDestinationSchema, { path: 'a:80' }))) {
    seen.push(update.update.case === 'noEndpoints' && update.update.value.exists);
  }
  expect(seen).toEqual([false, true]);
});
