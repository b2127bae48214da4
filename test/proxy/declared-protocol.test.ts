import { type AddressInfo, connect, createServer, type Server as TcpServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Destination, DestinationProfileSchema, UpdateSchema } from '../../api/gen/destination_pb.js';
import { OutboundPolicies, OutboundPolicySchema } from '../../api/gen/outbound_pb.js';
import { grpcHandlers, grpcService } from '../../api/grpc.ts';
import { LoneProxy } from './lone-proxy.ts';

const detectTimeoutMs = 200;
const host = 'web.test.svc.cluster.local';
/** Ports of the Service, and what the policy of each says it speaks. */
const protocols = { 80: 'detect', 81: 'http1', 82: 'opaque' } as const;
let control: Server;
let app: TcpServer;
let proxy: LoneProxy;
/** What the application has been sent, by connection. */
const received: string[] = [];

beforeAll(async () => {
  app = createServer((socket) => {
    const index = received.push('') - 1;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received[index] += chunk;
      if (received[index].endsWith('\r\n\r\n')) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  const { port } = app.address() as AddressInfo;

  control = new Server();
  control.addService(
    grpcService(Destination),
    grpcHandlers(Destination, {
      getProfile: (call) => void call.write(create(DestinationProfileSchema, { fullyQualifiedName: host })),
      get: (call) => {
        const addr = { ip: { ip: { case: 'ipv4' as const, value: 0x7f_00_00_01 } }, port };
        const update = { case: 'add' as const, value: { addrs: [{ addr, weight: 10_000 }] } };
        call.write(create(UpdateSchema, { update }));
      },
    }),
  );
  control.addService(
    grpcService(OutboundPolicies),
    grpcHandlers(OutboundPolicies, {
      get: (_call, reply) => reply(null, create(OutboundPolicySchema)),
      watch: (call) => {
        const { target } = call.request;
        const asked = Number(target.case === 'authority' ? target.value.split(':')[1] : 0) as keyof typeof protocols;
        const discovery = { kind: { case: 'dst' as const, value: { path: `${host}:${asked}` } } };
        const backend = { backend: { kind: { case: 'balancer' as const, value: { discovery } } } };
        const backends = { kind: { case: 'firstAvailable' as const, value: { backends: [backend] } } };
        const all = { routes: [{ rules: [{ backends }] }] };
        const kinds = {
          detect: { case: 'detect' as const, value: { opaque: all, http1: all, http2: all } },
          http1: { case: 'http1' as const, value: all },
          opaque: { case: 'opaque' as const, value: all },
        };
        call.write(create(OutboundPolicySchema, { protocol: { kind: kinds[protocols[asked]] } }));
      },
    }),
  );
  const controlPort = await new Promise<number>((resolve, reject) =>
    control.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );

  proxy = await LoneProxy.start(port, {
    LINKERD2_PROXY_OUTBOUND_DETECT_TIMEOUT: `${detectTimeoutMs}ms`,
    LINKERD2_PROXY_DESTINATION_SVC_ADDR: `127.0.0.1:${controlPort}`,
    LINKERD2_PROXY_POLICY_SVC_ADDR: `127.0.0.1:${controlPort}`,
    LINKERD2_PROXY_POLICY_WORKLOAD: '{"ns":"test","pod":"client"}',
  });
}, 30_000);

afterAll(async () => {
  await proxy.stop();
  control.forceShutdown();
  app.close();
});

const request = 'GET / HTTP/1.1\r\nhost: web\r\nl5d-client-id: forged\r\n\r\n';

/** Sends a request in two parts through a tunnel, and returns what the application got of it. */
async function send(port: keyof typeof protocols, first: number, pauseMs: number): Promise<string> {
  const before = received.length;
  const socket = connect(proxy.outbound, '127.0.0.1');
  socket.on('error', () => {});
  let read = '';
  socket.on('data', (chunk) => {
    read += chunk;
  });
  socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\nhost: ${host}:${port}\r\n\r\n`);
  await vi.waitFor(() => expect(read).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\n$/s), 5000);
  socket.write(request.slice(0, first));
  await sleep(pauseMs);
  socket.write(request.slice(first));
  await vi.waitFor(() => expect(received[before]).toMatch(/\r\n\r\n$/), 5000);
  socket.destroy();
  return received[before];
}

/** What is not known to be HTTP reaches the application as it was sent, words that only proxies may speak included. */
const asHttp = expect.not.stringContaining('l5d-client-id');

it('is told by the first bytes where nothing is declared, as far as they come in time', async () => {
  expect(await send(80, request.length, 0)).toEqual(asHttp);
  expect(await send(80, 2, 3 * detectTimeoutMs)).toBe(request);
});

it('declared HTTP is HTTP, however slowly its first bytes come', async () => {
  expect(await send(81, 2, 3 * detectTimeoutMs)).toEqual(asHttp);
});

it('declared opaque is passed on as it is, whatever it looks like', async () => {
  expect(await send(82, request.length, 0)).toBe(request);
});
