import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { LoneProxy } from '../proxy/lone-proxy.ts';
import { Flag, FrameType, frame, literal, RawHttp2 } from '../proxy/raw-http2.ts';
import { TestMesh } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

/**
 * An application that knows nothing of CONNECT, and answers each request with an empty 200, as many do. What asks for
 * another protocol gets it.
 */
let proxy: LoneProxy;
let received = '';
const answer = (asked: string): string => {
  const protocol = /^upgrade: *(.*)\r$/im.exec(asked)?.[1];
  if (protocol === undefined) return 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';
  return `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n\r\n`;
};
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
        socket.write(answer(received));
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

vector(
  {
    who: 'net',
    attack: 'a request to go on in HTTP/2 or TLS by Upgrade, in 8 spellings, to an application that does',
    promise: 'it goes on without the Upgrade: no request passes inside a tunnel',
  },
  async () => {
    const spellings = ['h2c', 'H2C', 'h2c,', 'h2c\r\nupgrade: h2c', 'h2', 'h2,h2c', 'TLS/1.0, HTTP/1.1', 'HTTP/2.0'];
    for (const spelling of spellings) {
      received = '';
      const head = 'GET / HTTP/1.1\r\nhost: server\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABk';
      const socket = connect(proxy.inbound, '127.0.0.1');
      let read = '';
      socket
        .on('error', () => {})
        .on('data', (chunk) => {
          read += chunk.toString('latin1');
        });
      socket.write(`${head}\r\nupgrade: ${spelling}\r\n\r\n`);
      await vi.waitFor(() => expect(read, spelling).toMatch(/^HTTP\/1\.1 200 /), 5000);
      socket.destroy();
      expect(received, spelling).not.toMatch(/h2|tls|http2-settings|upgrade: *http/i);
    }
  },
);

it('other protocols are upgraded to, also where HTTP/2 is named beside them', async () => {
  for (const [asked, got] of [
    ['websocket', 'websocket'],
    ['h2c, websocket', 'websocket'],
    ['x,h2c', 'x'],
    ['SPDY/3.1', 'SPDY/3.1'],
    ['tcp', 'tcp'],
  ]) {
    received = '';
    const socket = connect(proxy.inbound, '127.0.0.1');
    let read = '';
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        read += chunk.toString('latin1');
      });
    socket.write(`GET / HTTP/1.1\r\nhost: server\r\nconnection: upgrade\r\nupgrade: ${asked}\r\n\r\n`);
    await vi.waitFor(() => expect(read).toMatch(/^HTTP\/1\.1 101 /), 5000);
    expect(received).toContain(`upgrade: ${got}\r\n`);
    socket.destroy();
  }
});

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
