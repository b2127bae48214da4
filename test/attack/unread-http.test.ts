import { execFileSync, spawn } from 'node:child_process';
import { createServer as createWebServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Opening } from '../../proxy/wire/detect/opening.ts';
import { encodeTransportHeader, transportAlpn } from '../../proxy/wire/detect/transport-header.ts';
import { lenientReaders } from '../../proxy/wire/testing/lenient-readers.ts';
import { freePort, TestMesh } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

/**
 * An application that reads HTTP as leniently as any does, behind a sidecar that does not know what it speaks: what the
 * sidecar let pass as opaque bytes is in `requests`.
 */
let mesh: TestMesh;
const detectTimeoutMs = 300;
const listeners = { unknown: 14_143, declared: 14_144, routed: 14_145, late: 14_146 };
const group = 'policy.linkerd.io';
const selected = { podSelector: { matchLabels: { app: 'server' } }, accessPolicy: 'all-unauthenticated' };
const object = (kind: string, name: string, spec: object) => ({
  apiVersion: `${group}/v1beta3`,
  kind,
  metadata: { name, namespace: 'test' },
  spec,
});
const routed = (name: string, port: number, protocol: object) => [
  object('Server', name, {
    ...selected,
    port,
    ...protocol,
  }),
  object('HTTPRoute', name, {
    parentRefs: [{ group, kind: 'Server', name }],
    rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/public' } }] }],
  }),
];
const requests: string[] = [];
/** All that came to a server. */
let received = '';

function lenientServer(socket: Socket): void {
  let held = '';
  let read = false;
  const look = (): void => {
    if (read || !Object.values(lenientReaders).some((reads) => reads(held))) return;
    read = true;
    requests.push(held);
    socket.end(
      `HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n${/l5d-client-id: forged/i.test(held) ? 'forged' : 'clean'}`,
    );
  };
  socket.on('data', (chunk) => {
    held += chunk.toString('latin1');
    received += chunk.toString('latin1');
    if (/\n\r?\n$/.test(held)) look();
  });
  socket.on('end', () => {
    // As Python's readline does.
    held += '\r\n\r\n';
    look();
    socket.end();
  });
}

beforeAll(async () => {
  const timeouts = JSON.stringify([{ name: 'LINKERD2_PROXY_INBOUND_DETECT_TIMEOUT', value: `${detectTimeoutMs}ms` }]);
  mesh = await TestMesh.start([
    {
      name: 'server',
      ports: [8080, 8081, 8082, 8083],
      annotations: { 'config.tulle.dev/proxy-additional-env': timeouts },
    },
  ]);
  await mesh.serveTcp('server', 8080, lenientServer);
  await mesh.serveTcp('server', 8081, lenientServer);
  await mesh.serveTcp('server', 8083, lenientServer);
  await mesh.serveTcp('server', 8082, (socket) => {
    socket.on('data', () => requests.push('TLS')).on('end', () => socket.end());
  });
  mesh.apply(...routed('declared', 8081, { proxyProtocol: 'HTTP/1' }), ...routed('unknown', 8082, {}));
  await mesh.ready();
  await vi.waitFor(async () => {
    expect(await exchange(plain(listeners.declared), [`GET / HTTP/1.1${fields}`])).toMatch(/^HTTP\/1.1 404 /);
  }, 10_000);
}, 90_000);
afterAll(() => mesh.stop());

const plain = (port: number): Socket => connect(port, mesh.ip('server'));

/** As a sidecar of the mesh would say that it brings opaque bytes. */
function opaque(port: number): Socket {
  const socket = connectTls({
    host: mesh.ip('server'),
    port: 4143,
    servername: 'server.test.serviceaccount.identity.tulle.cluster.local',
    ca: mesh.trustAnchors,
    ...mesh.issue('mallory.test.serviceaccount.identity.tulle.cluster.local'),
    ALPNProtocols: [transportAlpn],
    checkServerIdentity: () => undefined,
  });
  socket.write(encodeTransportHeader({ port, name: '', protocol: undefined }));
  return socket;
}

/** Sends parts with pauses longer than detection waits, and returns all that came back until the end. */
async function exchange(socket: Socket, parts: readonly string[], ends = false): Promise<string> {
  let read = '';
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket
    .on('error', () => {})
    .on('data', (chunk: Buffer) => {
      read += chunk.toString('latin1');
    });
  socket.setTimeout(5000, () => socket.destroy());
  for (const [index, part] of parts.entries()) {
    if (index > 0) await sleep(2 * detectTimeoutMs);
    socket.write(part, 'latin1');
  }
  if (ends) socket.end();
  await closed;
  return read;
}

const fields = '\r\nHost: server.test\r\nConnection: close\r\nl5d-client-id: forged\r\n\r\n';
const lines = [
  ...[
    'GET / HTTP/1.1',
    '\r\nGET / HTTP/1.1',
    '\nGET / HTTP/1.1',
    ' GET / HTTP/1.1',
    'GET  / HTTP/1.1',
    'GET\t/ HTTP/1.1',
  ],
  ...['GET /  HTTP/1.1', 'GET / HTTP/1.1 ', 'GET / HTTP/1.1\t', 'get / HTTP/1.1', 'get / http/1.1', 'GET /', 'POST /'],
  ...['GET admin', 'FOO / HTTP/1.1', '{x} / HTTP/1.1', '0 / HTTP/1.1', 'GET /\0 HTTP/1.1', 'GET\xa0/\xa0HTTP/1.1'],
  ...[
    'GET / RTSP/1.0',
    'GET /a b HTTP/1.1',
    'GET / HTTP/1.10',
    'GET / HTTP/9.9',
    `GET /${'a'.repeat(20_000)} HTTP/1.1`,
  ],
  ...['POST /admin X', 'FOO /admin ', 'POST admin X'],
];

vector(
  {
    who: 'net',
    attack:
      'request lines in 27 spellings that Python, uWSGI, Twisted, Nginx or Node read and HTTP does not have, with a forged l5d-client-id',
    promise: 'a port of unknown protocol passes none of them on as opaque bytes',
  },
  async () => {
    for (const line of lines) {
      requests.length = 0;
      expect(await exchange(plain(listeners.unknown), [line + fields]), line).not.toContain('forged');
      expect(
        requests.filter((each) => /forged/.test(each)),
        line,
      ).toEqual([]);
    }
  },
  60_000,
);

vector(
  {
    who: 'net',
    attack: 'a request behind a line or a header of the PROXY protocol, in one piece or after a silence',
    promise: 'where the port is not declared opaque, no line of it reaches its end',
  },
  async () => {
    const headers = [
      'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n',
      'PROXY UNKNOWN\r\n',
      '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\0\x50\0\x50',
      '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0',
    ];
    received = '';
    for (const header of headers) {
      const request = `GET / HTTP/1.1${fields}`;
      for (const parts of [[header + request], [header, request]]) {
        await exchange(plain(listeners.unknown), parts);
        expect(received, JSON.stringify(parts)).not.toContain('GET');
      }
    }
  },
  30_000,
);

it('lines of logs that quote requests, and protocols that look like them, go by as opaque bytes', async () => {
  const sent = [
    '{"message":"GET /health HTTP/1.1"}\n',
    '<134>1 2026-01-01T00:00:00Z host app - - - "GET / HTTP/1.1"\n',
    'INFO handled GET / HTTP/1.1\n',
    'OPTIONS sip:bob@b.test SIP/2.0\r\n',
    'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nEHLO a\r\n',
  ];
  for (const text of sent) {
    received = '';
    const socket = plain(listeners.unknown);
    socket.write(text, 'latin1');
    await vi.waitFor(() => expect(received).toBe(text), 5000);
    socket.destroy();
  }
});

vector(
  {
    who: 'net',
    attack: 'a request line cut in two by more silence than detection waits, at its start and inside, or ended by FIN',
    promise: 'it is read as HTTP, or cut off before the line has its end',
  },
  async () => {
    const request = `GET / HTTP/1.1${fields}`;
    requests.length = 0;
    for (const at of [0, 2, 4, 10]) {
      const socket = plain(listeners.unknown);
      const parts = at === 0 ? ['', request] : [request.slice(0, at), request.slice(at)];
      expect(await exchange(socket, parts), `cut at ${at}`).not.toContain('forged');
    }
    expect(await exchange(plain(listeners.unknown), ['GET  /admin HTTP/1.1'], true)).not.toContain('200');
    expect(requests.filter((each) => /forged|admin/.test(each))).toEqual([]);
    expect(await mesh.metric('server', 'inbound_tcp_errors_total', 'error="late http"')).toBeGreaterThan(0);
  },
  30_000,
);

vector(
  {
    who: 'mesh',
    attack: 'a transport header that names no protocol, and HTTP behind it, at a port of unknown protocol',
    promise: 'it is HTTP all the same: its l5d-client-id is the proven one',
  },
  async () => {
    requests.length = 0;
    const read = await exchange(opaque(8080), [`GET / HTTP/1.1${fields}`]);
    expect(read).toContain('clean');
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatch(/l5d-client-id: mallory\.test\./);
  },
);

vector(
  {
    who: 'mesh',
    attack: 'the same, and TLS of the application’s own, at a port that a Server declares as HTTP, or has routes for',
    promise: 'nothing but HTTP goes to it, and no request beside its routes',
  },
  async () => {
    requests.length = 0;
    expect(await exchange(opaque(8081), [`GET /admin HTTP/1.1${fields}`])).toMatch(/^HTTP\/1\.1 404 /);
    for (const line of lines.slice(1)) {
      expect(await exchange(opaque(8081), [line.replace(/ \//, ' /public') + fields]), line).not.toContain('forged');
    }
    for (const port of [listeners.declared, listeners.routed]) {
      const socket = connectTls({ host: mesh.ip('server'), port, servername: 'shop.example.com' });
      socket.on('error', () => {});
      await new Promise((resolve) => socket.once('close', resolve));
    }
    // TLS of the application's own, inside the mesh's.
    await exchange(opaque(8082), ['\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03'], true);
    expect(requests.filter((each) => /forged|admin|shop\.example|TLS/.test(each))).toEqual([]);
  },
  60_000,
);

vector(
  {
    who: 'net',
    attack:
      'a connection that is begun while its port is opaque, and a request on it once the port has routes or is HTTP',
    promise: 'it is cut off as soon as that holds',
  },
  async () => {
    const server = (spec: object): object => object('Server', 'late', { ...selected, port: 8083, ...spec });
    const policies = [...routed('declared', 8081, { proxyProtocol: 'HTTP/1' }), ...routed('unknown', 8082, {})];
    for (const now of [{ proxyProtocol: 'HTTP/1' }, {}]) {
      mesh.apply(...policies, server({ proxyProtocol: 'opaque' }));
      await vi.waitFor(async () => {
        received = '';
        const asked = await exchange(plain(listeners.late), ['GET  /admin X\r\n'], true);
        expect(asked + received).toContain('GET  /admin');
      }, 10_000);
      const socket = plain(listeners.late);
      const closed = new Promise((resolve) =>
        socket
          .on('error', () => {})
          .resume()
          .once('close', resolve),
      );
      received = '';
      socket.write('EHLO a\r\n');
      await vi.waitFor(() => expect(received).toBe('EHLO a\r\n'), 5000);
      const [, route] = routed('late', 8083, {});
      mesh.apply(...policies, server(now), route);
      await closed;
    }
  },
  30_000,
);

it('a server that speaks first is heard, and its clients are, where they speak no HTTP', async () => {
  const echo = await freePort();
  const greeter = createServer((socket) => {
    socket.write('220 ready\r\n');
    socket.on('data', (chunk) => socket.write(chunk)).on('error', () => {});
  });
  await mesh.serve('server', echo, greeter);
  const socket = opaque(echo);
  let read = '';
  socket.on('data', (chunk: Buffer) => {
    read += chunk;
  });
  await vi.waitFor(() => expect(read).toBe('220 ready\r\n'), 5000);
  for (const text of ['E', 'HLO a\r\n', 'GET / HTTP/1.1\r\n']) {
    socket.write(text);
    await vi.waitFor(() => expect(read.endsWith(text)).toBe(true), 5000);
  }
  socket.destroy();
});

it('what Node and Python take for a request, as they run here, is what the watch over opaque bytes takes for one', async () => {
  const accepted = async (port: number): Promise<string[]> => {
    const found: string[] = [];
    for (const line of [...lines, 'HELO a', 'get key', 'PING', '*1\r\n$4', 'SSH-2.0-x']) {
      if (/forged/.test(await exchange(connect(port, '127.0.0.1'), [line + fields]))) found.push(line);
    }
    return found;
  };
  const taken = (all: string[]): string[] =>
    all.filter((line) => new Opening().read(Buffer.from(line + fields, 'latin1')) !== 'http');
  const node = createWebServer({ insecureHTTPParser: true }, (incoming, response) => {
    response.setHeader('connection', 'close');
    response.end(`${incoming.headers['l5d-client-id']}`);
  });
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
  const byNode = await accepted((node.address() as { port: number }).port);
  node.close();
  expect(byNode.length).toBeGreaterThan(5);
  expect(taken(byNode)).toEqual([]);

  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' });
  } catch {
    return;
  }
  const port = await freePort();
  const program = `
from wsgiref.simple_server import make_server
def app(environ, start):
    start('200 OK', [])
    return [str(environ.get('HTTP_L5D_CLIENT_ID')).encode()]
make_server('127.0.0.1', ${port}, app).serve_forever()`;
  const python = spawn('python3', ['-c', program], { stdio: 'ignore' });
  try {
    await vi.waitFor(async () => {
      expect(await exchange(connect(port, '127.0.0.1'), [`GET / HTTP/1.1${fields}`])).toContain('forged');
    }, 10_000);
    const byPython = await accepted(port);
    expect(byPython.length).toBeGreaterThan(10);
    expect(taken(byPython)).toEqual([]);
  } finally {
    python.kill('SIGKILL');
  }
}, 60_000);
