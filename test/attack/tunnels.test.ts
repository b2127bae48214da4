import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { LoneProxy } from '../proxy/lone-proxy.ts';
import { Flag, FrameType, frame, literal, RawHttp2 } from '../proxy/raw-http2.ts';
import { TestMesh } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

/** An application that knows nothing of CONNECT, and answers each request with an empty 200, as many do. */
let proxy: LoneProxy;
let received = '';
const answersAll = (socket: Socket): void => {
  let held = '';
  socket.on('end', () => socket.end());
  socket
    .on('error', () => {})
    .on('data', (chunk) => {
      received += chunk.toString('latin1');
      held += chunk.toString('latin1');
      for (let end = held.indexOf('\r\n\r\n'); end >= 0; end = held.indexOf('\r\n\r\n')) {
        held = held.slice(end + 4);
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      }
    });
};
const server = createServer(answersAll);

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy = await LoneProxy.start((server.address() as AddressInfo).port);
}, 40_000);
afterAll(async () => {
  await proxy?.stop();
  server.close();
});

const asTunnel = 'CONNECT server:80 HTTP/1.1\r\nhost: server:80\r\n\r\n';
const inside = 'GET /admin HTTP/1.1\r\nhost: server\r\nl5d-client-id: forged\r\n\r\n';

/** What comes back of a tunnel that is asked for, with a request behind it once it is answered, until `done`. */
async function tunnel(host: string, port: number, done: (read: string) => void): Promise<void> {
  received = '';
  const socket = connect(port, host);
  let read = '';
  let sent = false;
  socket
    .on('error', () => {})
    .on('data', (chunk) => {
      read += chunk.toString('latin1');
      if (sent) return;
      sent = true;
      socket.write(inside);
    });
  socket.write(asTunnel);
  try {
    await vi.waitFor(() => done(read), 3000);
  } finally {
    socket.destroy();
  }
}

vector(
  {
    who: 'net',
    attack:
      'CONNECT to an application that answers it with an empty 200, and a request with a forged l5d-client-id inside',
    promise: 'it is answered 405: only a route that names CONNECT opens a tunnel past routes and stripping',
  },
  async () => {
    await tunnel('127.0.0.1', proxy.inbound, (read) => expect(read).toMatch(/^HTTP\/1\.1 405 /));
    expect(received).not.toMatch(/CONNECT|forged/);
  },
);

vector(
  {
    who: 'net',
    attack: 'the same over HTTP/2, with a word that it was HTTP/1',
    promise: 'it is answered 405',
  },
  async () => {
    received = '';
    const client = await RawHttp2.connect(proxy.inbound);
    const fields = [
      [':method', 'CONNECT'],
      [':authority', 'server:80'],
      ['l5d-orig-proto', 'HTTP/1.1'],
    ] as const;
    const block = Buffer.concat(fields.map(([name, value]) => literal(name, value)));
    await client.send(frame(FrameType.headers, Flag.endHeaders, 1, block));
    await vi.waitFor(() => expect(client.statuses()).toEqual(['405']), 5000);
    client.close();
    expect(received).toBe('');
  },
);

it('a route of a Server that names CONNECT opens tunnels, and no other does', async () => {
  const group = 'policy.linkerd.io';
  const object = (kind: string, spec: object) => ({
    apiVersion: `${group}/v1beta3`,
    kind,
    metadata: { name: 'server', namespace: 'test' },
    spec,
  });
  const route = (match: object) =>
    object('HTTPRoute', { parentRefs: [{ group, kind: 'Server', name: 'server' }], rules: [{ matches: [match] }] });
  const closed = object('Server', {
    podSelector: { matchLabels: { app: 'server' } },
    port: 8080,
    accessPolicy: 'all-unauthenticated',
  });
  const everything = { path: { type: 'PathPrefix', value: '/' } };
  const mesh = await TestMesh.start([{ name: 'server', ports: [8080] }], [closed, route(everything)]);
  try {
    await mesh.serveTcp('server', 8080, answersAll);
    await mesh.ready();
    await tunnel(mesh.ip('server'), 4143, (read) => expect(read).toMatch(/^HTTP\/1\.1 405 /));
    mesh.apply(closed, route({ ...everything, method: 'CONNECT' }));
    await vi.waitFor(
      () => tunnel(mesh.ip('server'), 4143, (read) => expect(read).toMatch(/^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 200 /)),
      { timeout: 20_000, interval: 100 },
    );
    expect(received).toContain(inside);
  } finally {
    await mesh.stop();
  }
}, 60_000);
