import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { relay } from './relay.ts';
import { TestMesh } from './test-mesh.ts';
import { openTunnel, readAll } from './tunnel.ts';

/** Connections that nobody looks into, by the TLSRoutes and TCPRoutes of the Service that they are for. */
let mesh: TestMesh;
const gateway = 'gateway.networking.k8s.io/v1alpha2';
const [tlsPort, tcpPort] = [8443, 9000];
const route = (kind: string, name: string, port: number, spec: object) => ({
  apiVersion: gateway,
  kind,
  metadata: { name, namespace: 'test' },
  spec: { parentRefs: [{ group: '', kind: 'Service', name: 'front', port }], ...spec },
});
const to = (name: string, port: number, weight = 1) => ({ name, port, weight });
const tlsRoute = (name: string, hostnames: string[], ...backendRefs: object[]) =>
  route('TLSRoute', name, tlsPort, { hostnames, rules: [{ backendRefs }] });
const tcpRoute = (...backendRefs: object[]) => route('TCPRoute', 'split', tcpPort, { rules: [{ backendRefs }] });
const tlsRoutes = [
  tlsRoute('a', ['a.example'], to('a', tlsPort)),
  tlsRoute('b', ['*.b.example'], to('b', tlsPort)),
  tlsRoute('gone', ['gone.example'], to('gone', tlsPort)),
];

beforeAll(async () => {
  const ports = [tlsPort, tcpPort];
  // Who speaks first on a port has to be told of: nobody looks for what comes of it.
  const annotations = { 'config.tulle.dev/opaque-ports': `${tcpPort}` };
  mesh = await TestMesh.start(
    [
      { name: 'client' },
      ...['front', 'a', 'b'].map((name) => ({ name, ports, annotations: name === 'front' ? {} : annotations })),
    ],
    [...tlsRoutes, tcpRoute(to('a', tcpPort, 3), to('b', tcpPort, 1))],
  );
  const certificate = mesh.issue('a.example');
  for (const name of ['front', 'a', 'b']) {
    await mesh.serve(
      name,
      tlsPort,
      createTlsServer(certificate, (socket) => socket.on('error', () => {}).end(name)),
    );
    await mesh.serveTcp(name, tcpPort, (socket) => socket.end(name));
  }
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());

const proxy = () => ({ host: mesh.ip('client'), port: 4140 });
const front = (port: number): string => `front.test.svc.cluster.local:${port}`;

/** Who answers a TLS client that asks for a name, or that it was refused. */
async function greet(servername: string, at = proxy()): Promise<string> {
  const socket = tlsConnect({ socket: await openTunnel(at, front(tlsPort)), servername, rejectUnauthorized: false });
  const { text } = await readAll(socket);
  return text === '' ? 'refused' : text;
}
async function exchange(port: number, bytes = ''): Promise<{ text: string; reset: boolean }> {
  const socket = await openTunnel(proxy(), front(port));
  if (bytes !== '') socket.write(bytes);
  return readAll(socket);
}
const errors = (error: string) => mesh.metric('client', 'outbound_tcp_errors_total', `error="${error}"`);

describe('TLS', () => {
  it('goes by the name that it asks for, and is not ended on the way', async () => {
    await vi.waitFor(async () => expect(await greet('a.example')).toBe('a'), 10_000);
    expect(await greet('one.b.example')).toBe('b');
    expect(await greet('A.Example')).toBe('a');
    expect(
      await mesh.metric('client', 'outbound_tls_route_open_total', 'route_name="b"', 'hostname="one.b.example"'),
    ).toBe(1);
  });

  it('goes by its name when the hello comes in many pieces', async () => {
    const { host, port } = proxy();
    const cut = await relay(host, port, 7);
    expect(await greet('one.b.example', { host: '127.0.0.1', port: cut.port })).toBe('b');
    cut.close();
  });

  it('for a name that no route has, or without a name, is refused and told of', async () => {
    const before = [await errors('no route'), await errors('no server name')];
    expect(await greet('b.example')).toBe('refused');
    expect(await greet('')).toBe('refused');
    expect(await exchange(tlsPort, 'GET / HTTP/1.1\r\nhost: front\r\n\r\n')).toEqual({
      text: '',
      reset: expect.anything(),
    });
    expect([await errors('no route'), await errors('no server name')]).toEqual([before[0] + 1, before[1] + 2]);
    expect(mesh.log('client', 'tulle-proxy')).toContain('connection refused by the routes of its target');
  });

  it('for a backend that is not there is refused', async () => {
    expect(await greet('gone.example')).toBe('refused');
    expect(await errors('no backend')).toBe(1);
  });
});

describe('TCP', () => {
  it('is shared out by weight, to servers that speak first too', async () => {
    const greetings = await Promise.all(Array.from({ length: 40 }, () => exchange(tcpPort)));
    const shares = ['front', 'a', 'b'].map((name) => greetings.filter(({ text }) => text === name).length);
    expect(shares[0]).toBe(0);
    // Wherever the proxy begins, no more than one beside 3 to 1.
    expect([9, 10, 11]).toContain(shares[2]);
    expect(shares[1]).toBe(40 - shares[2]);
    const counted = ['parent_kind="Service"', 'parent_name="front"', `parent_port="${tcpPort}"`, 'route_name="split"'];
    expect(await mesh.metric('client', 'outbound_tcp_route_open_total', ...counted)).toBe(40);
  });

  it('follows its route when that changes, and the Service itself when it has none', async () => {
    mesh.apply(...tlsRoutes, tcpRoute(to('b', tcpPort)));
    // By the weights of the route before, one alone may go there too.
    await vi.waitFor(async () => {
      for (let i = 0; i < 5; i++) expect((await exchange(tcpPort)).text).toBe('b');
    }, 10_000);
    mesh.apply(...tlsRoutes);
    await vi.waitFor(async () => expect((await exchange(tcpPort)).text).toBe('front'), 20_000);
  });
});

it('a port that the Service does not have is refused', async () => {
  expect(await exchange(7, 'hello')).toMatchObject({ text: '' });
  await vi.waitFor(async () => expect(await errors('forbidden')).toBeGreaterThan(0));
});
