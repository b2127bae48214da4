import { createServer, request } from 'node:http';
import { connect } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { Destination, DestinationProfileSchema, UpdateSchema } from '../../api/gen/destination_pb.js';
import { grpcHandlers, grpcService } from '../../api/grpc.ts';
import { encodeTransportHeader, transportAlpn } from '../../proxy/wire/detect/transport-header.ts';
import { LoneProxy } from '../proxy/lone-proxy.ts';
import { TestMesh } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

const group = 'policy.linkerd.io';
const object = (kind: string, version: string, spec: object) => ({
  apiVersion: `${group}/${version}`,
  kind,
  metadata: { name: 'db', namespace: 'test' },
  spec,
});
/** Only web may call db. */
const webOnly = [
  object('Server', 'v1beta3', { podSelector: { matchLabels: { app: 'db' } }, port: 8080 }),
  object('MeshTLSAuthentication', 'v1alpha1', { identityRefs: [{ kind: 'ServiceAccount', name: 'web' }] }),
  object('AuthorizationPolicy', 'v1alpha1', {
    targetRef: { group, kind: 'Server', name: 'db' },
    requiredAuthenticationRefs: [{ group, kind: 'MeshTLSAuthentication', name: 'db' }],
  }),
];
let mesh: TestMesh;

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'web', ports: [8080] }, { name: 'db', ports: [8080] }, { name: 'mallory' }]);
  for (const name of ['web', 'db']) {
    await mesh.serve(
      name,
      8080,
      createServer((incoming, response) => response.end(`${name} for ${incoming.headers['l5d-client-id']}`)),
    );
  }
  mesh.apply(...webOnly);
  await mesh.ready();
  const call = (from: string) => ask({ host: mesh.ip(from), port: 4140, headers: { host: 'db.test:8080' } });
  await vi.waitFor(async () => expect([await call('mallory'), await call('web')]).toEqual([403, 200]), 10_000);
}, 90_000);
afterAll(() => mesh.stop());

function ask(options: object): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ agent: false, timeout: 8000, ...options }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    })
      .on('error', reject)
      .end();
  });
}

/** What mallory gets of web's sidecar behind a transport header that names `port`. */
async function throughWeb(port: number, protocol: 'http1' | undefined, bytes: string): Promise<string> {
  const socket = connect({
    host: mesh.ip('web'),
    port: 4143,
    servername: 'web.test.serviceaccount.identity.tulle.cluster.local',
    ca: mesh.trustAnchors,
    ...mesh.issue('mallory.test.serviceaccount.identity.tulle.cluster.local'),
    ALPNProtocols: [transportAlpn],
    checkServerIdentity: () => undefined,
  });
  let read = '';
  socket.on('data', (chunk: Buffer) => {
    read += chunk;
  });
  socket.on('error', () => {});
  socket.write(Buffer.concat([encodeTransportHeader({ port, name: '', protocol }), Buffer.from(bytes)]));
  await new Promise((resolve) => socket.once('close', resolve));
  return read;
}

/** A destination component by which every name has these ports of this host as its endpoints; undefined: it knows none. */
async function discovery(ports: readonly number[] | undefined): Promise<{ port: number; stop(): void }> {
  const control = new Server();
  const unknown = { code: status.NOT_FOUND, details: 'no such service' };
  control.addService(
    grpcService(Destination),
    grpcHandlers(Destination, {
      getProfile: (call) => {
        if (ports === undefined) call.emit('error', unknown);
        else call.write(create(DestinationProfileSchema, { fullyQualifiedName: 'web.test.svc.cluster.local' }));
      },
      get: (call) => {
        const ip = { ip: { case: 'ipv4' as const, value: 0x7f_00_00_01 } };
        const addrs = (ports ?? []).map((port) => ({ addr: { ip, port }, weight: 10_000 }));
        if (ports === undefined) call.emit('error', unknown);
        else call.write(create(UpdateSchema, { update: { case: 'add', value: { addrs } } }));
      },
    }),
  );
  const port = await new Promise<number>((resolve, reject) =>
    control.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { port, stop: () => control.forceShutdown() };
}

const toDb = 'GET / HTTP/1.1\r\nhost: db.test:8080\r\nconnection: close\r\n\r\n';

vector(
  {
    who: 'mesh',
    attack:
      'a transport header that names the outbound listener of the sidecar it comes to, as HTTP and as opaque bytes',
    promise: 'no sidecar sends with its identity what came to it from another',
  },
  async () => {
    expect(await throughWeb(8080, 'http1', toDb)).toContain('web for mallory.');
    for (const protocol of ['http1', undefined] as const) {
      expect(await throughWeb(4140, protocol, toDb)).toBe('');
      expect(
        await throughWeb(4140, protocol, `CONNECT db.test:8080 HTTP/1.1\r\nhost: db.test:8080\r\n\r\n${toDb}`),
      ).toBe('');
    }
    expect(await mesh.metric('web', 'inbound_tcp_errors_total', 'error="transport header"')).toBeGreaterThanOrEqual(4);
  },
);

vector(
  {
    who: 'mesh',
    attack: 'a transport header that names the admin or inbound port of the sidecar it comes to',
    promise: 'what the sidecar listens on for itself is no port of the workload',
  },
  async () => {
    for (const port of [4191, 4143]) {
      expect(await throughWeb(port, 'http1', 'GET /metrics HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n')).toBe(
        '',
      );
    }
  },
);

vector(
  {
    who: 'mesh',
    attack:
      'a request to the outbound listener itself in 12 spellings of its address: hexadecimal, one number, IPv4 within IPv6, names',
    promise: 'it is answered 508 by the first sidecar, with no second connection',
  },
  async () => {
    const { port, stop } = await discovery(undefined);
    const proxy = await LoneProxy.start(1, { LINKERD2_PROXY_DESTINATION_SVC_ADDR: `127.0.0.1:${port}` });
    try {
      const hosts = [
        ...['127.0.0.1', '0x7f000001', '0x7f.1', '2130706433', '017700000001', '127.1', '0', '0.0.0.0'],
        ...['localhost', 'localhost.', '[::ffff:127.0.0.1]', '[0:0:0:0:0:ffff:7f00:1]'],
      ];
      const before = proxy.openSockets();
      for (const host of hosts) {
        const headers = { host: `${host}:${proxy.outbound}` };
        expect(await ask({ host: '127.0.0.1', port: proxy.outbound, headers }), host).toBe(508);
      }
      // The connection to discovery, and one of a client that is about to close.
      expect(proxy.openSockets() - before).toBeLessThanOrEqual(2);
    } finally {
      await proxy.stop();
      stop();
    }
  },
);

vector(
  {
    who: 'tenant',
    attack: 'a Service whose endpoints are the outbound listeners of two sidecars that share a host',
    promise: 'a request to it is answered 508 after a few hops',
  },
  async () => {
    const endpoints: number[] = [];
    const { port, stop } = await discovery(endpoints);
    const settings = { LINKERD2_PROXY_DESTINATION_SVC_ADDR: `127.0.0.1:${port}` };
    const proxies = await Promise.all([LoneProxy.start(1, settings), LoneProxy.start(1, settings)]);
    try {
      endpoints.push(...proxies.map(({ outbound }) => outbound));
      const headers = { host: 'web.test.svc.cluster.local:80' };
      for (let i = 0; i < 20; i++) {
        expect(await ask({ host: '127.0.0.1', port: proxies[0].outbound, headers })).toBe(508);
      }
      for (const proxy of proxies) expect(proxy.openSockets()).toBeLessThan(60);
    } finally {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
      stop();
    }
  },
);
