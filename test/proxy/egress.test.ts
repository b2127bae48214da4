import { createServer, get } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';
import { openTunnel, readAll } from './tunnel.ts';

/** Calls to addresses outside of the mesh, which 127.0.0.1 is of a local one, under an EgressNetwork. */
let mesh: TestMesh;
const servers: Server[] = [];
const ports = { http: 0, tls: 0, bytes: 0, openTls: 0, openBytes: 0 };
const group = 'policy.linkerd.io';
const network = (trafficPolicy: string, namespace = 'tulle-egress') => ({
  apiVersion: `${group}/v1alpha1`,
  kind: 'EgressNetwork',
  metadata: { name: 'outside', namespace },
  spec: { trafficPolicy },
});
const route = (kind: string, name: string, port: number, spec: object) => ({
  apiVersion: `gateway.networking.k8s.io/${kind === 'HTTPRoute' ? 'v1' : 'v1alpha2'}`,
  kind,
  metadata: { name, namespace: 'tulle-egress' },
  spec: { parentRefs: [{ group, kind: 'EgressNetwork', name: 'outside', port }], ...spec },
});
const itself = { group, kind: 'EgressNetwork', name: 'outside' };

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'client' }]);
  const certificate = mesh.issue('a.example');
  const listening = {
    http: createServer((request, response) => {
      if (request.url === '/open') response.write('begun');
      else if (request.url !== '/waits') response.end(`for ${request.headers.host}`);
    }),
    tls: createTlsServer(certificate, (socket) => socket.on('error', () => {}).end('from TLS')),
    bytes: createTcpServer((socket) => socket.on('error', () => {}).end('from bytes')),
    openTls: createTlsServer(certificate, (socket) => socket.on('error', () => {}).pipe(socket)),
    openBytes: createTcpServer((socket) => socket.on('error', () => {}).pipe(socket)),
  };
  for (const kind of Object.keys(listening) as (keyof typeof listening)[]) {
    servers.push(listening[kind]);
    await new Promise<void>((resolve) => listening[kind].listen(0, '127.0.0.1', resolve));
    ports[kind] = (listening[kind].address() as AddressInfo).port;
  }
  await mesh.ready();
}, 60_000);
afterAll(async () => {
  await mesh.stop();
  for (const server of servers) server.close();
});

const proxy = () => ({ host: mesh.ip('client'), port: 4140 });
const tunnelTo = (port: number) => openTunnel(proxy(), `127.0.0.1:${port}`);

async function http(host: string): Promise<{ status: number | undefined; body: string }> {
  const socket = await tunnelTo(ports.http);
  return new Promise((resolve, reject) => {
    const asked = get({ createConnection: () => socket, headers: { host, connection: 'close' } }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    asked.on('error', reject);
  });
}
const status = async (host: string): Promise<number | undefined> => (await http(host)).status;
async function tls(servername: string): Promise<string> {
  const socket = tlsConnect({ socket: await tunnelTo(ports.tls), servername, rejectUnauthorized: false });
  const { text } = await readAll(socket);
  return text === '' ? 'refused' : text;
}
async function bytes(): Promise<string> {
  const socket = await tunnelTo(ports.bytes);
  socket.write('hello\r\n');
  const { text } = await readAll(socket);
  return text === '' ? 'refused' : text;
}
const errors = (error: string) => mesh.metric('client', 'outbound_tcp_errors_total', `error="${error}"`);
const soon = { timeout: 15_000, interval: 200 };

/** A connection to a server that says again what it is told, once it has: `closed` when it has ended. */
async function held(
  socket: Socket,
): Promise<{ socket: Socket; echo(text: string): Promise<void>; closed: Promise<void> }> {
  let read = '';
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket
    .on('error', () => {})
    .on('data', (chunk) => {
      read += chunk;
    });
  const echo = async (text: string): Promise<void> => {
    socket.write(text);
    await vi.waitFor(() => expect(read).toContain(text), soon);
  };
  await echo('hello\r\n');
  return { socket, echo, closed };
}
const heldTls = async (servername: string) =>
  held(tlsConnect({ socket: await tunnelTo(ports.openTls), servername, rejectUnauthorized: false }));
/** A request whose response does not end: `first` is what comes first of it, `over` all of it when its connection closes. */
async function openRequest(host: string, path: '/open' | '/waits') {
  const socket = await tunnelTo(ports.http);
  const first = new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(`${chunk}`)));
  const over = readAll(socket).then(({ text }) => text);
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  return { socket, first, over };
}

it('without a network all goes to where it was meant for', async () => {
  expect(await http('a.example')).toEqual({ status: 200, body: 'for a.example' });
  expect([await tls('a.example'), await bytes()]).toEqual(['from TLS', 'from bytes']);
});

describe('a network that denies', () => {
  it('refuses HTTP with 403, and everything else without a word', async () => {
    mesh.apply(network('Deny'));
    await vi.waitFor(async () => expect(await status('a.example')).toBe(403), soon);
    await vi.waitFor(async () => expect([await tls('a.example'), await bytes()]).toEqual(['refused', 'refused']), soon);
    expect(await errors('forbidden')).toBeGreaterThan(1);
    expect(
      await mesh.metric(
        'client',
        'outbound_tcp_route_close_total',
        'parent_kind="EgressNetwork"',
        'route_name="tcp-egress-deny"',
        'error="forbidden"',
      ),
    ).toBeGreaterThan(0);
    expect(mesh.log('client', 'tulle-proxy')).toContain('reason=forbidden');
  });

  it('lets a host through that a route names, and no other', async () => {
    mesh.apply(
      network('Deny'),
      route('HTTPRoute', 'hosts', ports.http, { hostnames: ['allowed.example'], rules: [{ backendRefs: [itself] }] }),
      route('TLSRoute', 'names', ports.tls, { hostnames: ['*.allowed.example'], rules: [{ backendRefs: [itself] }] }),
    );
    await vi.waitFor(
      async () => expect(await http('allowed.example')).toEqual({ status: 200, body: 'for allowed.example' }),
      soon,
    );
    expect(await status('a.example')).toBe(403);
    await vi.waitFor(async () => expect(await tls('a.allowed.example')).toBe('from TLS'), soon);
    expect([await tls('a.example'), await bytes()]).toEqual(['refused', 'refused']);
    const named = ['parent_name="outside"', 'route_name="names"', 'hostname="a.allowed.example"'];
    expect(await mesh.metric('client', 'outbound_tls_route_open_total', ...named)).toBeGreaterThan(0);
  });

  it('lets the connections of a port through that a TCPRoute has', async () => {
    mesh.apply(network('Deny'), route('TCPRoute', 'bytes', ports.bytes, { rules: [{}] }));
    await vi.waitFor(async () => expect(await bytes()).toBe('from bytes'), soon);
    await vi.waitFor(
      async () => expect([await status('a.example'), await tls('a.example')]).toEqual([403, 'refused']),
      soon,
    );
  });

  it('gives way to one of the client’s own namespace, and to nothing when it is gone', async () => {
    mesh.apply(network('Deny'), network('Allow', 'test'));
    await vi.waitFor(async () => expect([await status('a.example'), await bytes()]).toEqual([200, 'from bytes']), soon);
    mesh.apply(network('Deny'));
    await vi.waitFor(async () => expect([await status('a.example'), await bytes()]).toEqual([403, 'refused']), soon);
    mesh.apply();
    await vi.waitFor(async () => expect([await status('a.example'), await bytes()]).toEqual([200, 'from bytes']), soon);
  });

  it('ends what is open and would be refused now, and nothing that a route lets through', async () => {
    const names = (...hostnames: string[]) => route('TLSRoute', 'open', ports.openTls, { hostnames, rules: [{}] });
    const hosts = (...hostnames: string[]) =>
      route('HTTPRoute', 'open', ports.http, { hostnames, rules: [{ backendRefs: [itself] }] });
    mesh.apply(network('Allow'), names('a.example', 'b.example'), hosts('b.example'));
    await vi.waitFor(async () => expect(await bytes()).toBe('from bytes'), soon);
    // TLS is read for its name once there is a route of names.
    const byName = () => mesh.metric('client', 'outbound_tls_route_open_total', 'route_name="open"');
    await vi.waitFor(async () => {
      (await heldTls('b.example')).socket.destroy();
      expect(await byName()).toBeGreaterThan(0);
    }, soon);
    const [a, b] = [await heldTls('a.example'), await heldTls('b.example')];
    const plain = await held(await tunnelTo(ports.openBytes));
    const [begun, waiting, other] = [
      await openRequest('a.example', '/open'),
      await openRequest('a.example', '/waits'),
      await openRequest('b.example', '/open'),
    ];
    await Promise.all([begun.first, other.first]);
    const before = await errors('forbidden');
    const denied = ['route_name="tcp-egress-allow"', 'error="forbidden"'];
    const ends = () => mesh.metric('client', 'outbound_tcp_route_close_total', ...denied);
    const endsBefore = await ends();

    mesh.apply(network('Deny'), names('b.example'), hosts('b.example'));
    await Promise.all([a.closed, plain.closed]);
    expect(await begun.over).toContain('begun');
    expect(await waiting.first).toContain('403');
    waiting.socket.destroy();
    await b.echo('still here');
    expect(await errors('forbidden')).toBeGreaterThanOrEqual(before + 2);
    expect((await ends()) - endsBefore).toBe(1);
    let ended = false;
    void other.over.then(() => {
      ended = true;
    });
    expect(await status('b.example')).toBe(200);
    expect(ended).toBe(false);

    mesh.apply(network('Deny'));
    await Promise.all([b.closed, other.over]);
  });
});
