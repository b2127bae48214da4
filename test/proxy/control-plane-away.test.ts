import { createServer, type IncomingMessage, request, type Server as WebServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Destination, DestinationProfileSchema, UpdateSchema } from '../../api/gen/destination_pb.js';
import { grpcHandlers, grpcService } from '../../api/grpc.ts';
import { LoneProxy } from './lone-proxy.ts';

const idleMs = 200;
let control: Server;
let app: WebServer;
let proxy: LoneProxy;
/** Streams of discovery that are open, by path. */
const open: string[] = [];

beforeAll(async () => {
  app = createServer((_incoming, response) => response.end('hello'));
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  const { port } = app.address() as AddressInfo;
  const watched = (call: {
    request: { path: string };
    on(event: 'cancelled', listener: () => void): unknown;
  }): void => {
    const { path } = call.request;
    open.push(path);
    call.on('cancelled', () => void open.splice(open.indexOf(path), 1));
  };
  control = new Server();
  control.addService(
    grpcService(Destination),
    grpcHandlers(Destination, {
      getProfile: (call) => {
        watched(call as never);
        call.write(create(DestinationProfileSchema, { fullyQualifiedName: 'web.test.svc.cluster.local' }));
      },
      get: (call) => {
        watched(call as never);
        const addr = { ip: { ip: { case: 'ipv4' as const, value: 0x7f_00_00_01 } }, port };
        call.write(create(UpdateSchema, { update: { case: 'add', value: { addrs: [{ addr, weight: 10_000 }] } } }));
      },
    }),
  );
  const controlPort = await new Promise<number>((resolve, reject) =>
    control.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  proxy = await LoneProxy.start(port, {
    LINKERD2_PROXY_OUTBOUND_DISCOVERY_IDLE_TIMEOUT: `${idleMs}ms`,
    LINKERD2_PROXY_OUTBOUND_HTTP1_CONNECTION_POOL_IDLE_TIMEOUT: `${idleMs}ms`,
    LINKERD2_PROXY_DESTINATION_SVC_ADDR: `127.0.0.1:${controlPort}`,
  });
}, 30_000);

afterAll(async () => {
  await proxy.stop();
  control.forceShutdown();
  app.close();
});

function ask(host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(
      { host: '127.0.0.1', port: proxy.outbound, headers: { host }, agent: false },
      (response: IncomingMessage) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      },
    )
      .on('error', reject)
      .end();
  });
}

it('a target that was known is reached while the control plane is away, however long ago it was used', async () => {
  const forgotten = 'web.test.svc.cluster.local:80';
  const used = 'web.test.svc.cluster.local:81';
  expect(await ask(forgotten)).toBe(200);
  // Given up for being idle: nobody watches it any more when the control plane goes away.
  await vi.waitFor(() => expect(open).toEqual([]), { timeout: 5000, interval: 20 });
  expect(await ask(used)).toBe(200);
  control.forceShutdown();
  expect(await ask(forgotten)).toBe(200);
  const untilMs = performance.now() + 5 * idleMs;
  await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(untilMs), { timeout: 10 * idleMs, interval: 20 });
  expect(await ask(used)).toBe(200);
  expect(await ask(forgotten)).toBe(200);
}, 20_000);
