import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import {
  type ConnectionOptions,
  connect as connectTls,
  createServer as createTlsServer,
  type TLSSocket,
} from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeTransportHeader, transportAlpn } from '../../proxy/wire/detect/transport-header.ts';
import { relay } from './relay.ts';
import { TestMesh } from './test-mesh.ts';

const clientId = 'client.test.serviceaccount.identity.tulle.cluster.local';
const serverId = 'server.test.serviceaccount.identity.tulle.cluster.local';
const meshPort = 4143;
/** Where the sidecar takes plain connections for the first, second and third port of the application. */
const listeners = { web: 14_143, tls: 14_144, raw: 14_145 };
const detectTimeoutMs = 300;
const request = 'GET / HTTP/1.1\r\nhost: server.test\r\nconnection: close\r\n\r\n';

/** All that comes in, once the connection has ended or broken. */
function all(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let read = '';
    socket.on('data', (chunk) => {
      read += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(read));
  });
}

describe('what comes to a workload', () => {
  let mesh: TestMesh;
  let own: { key: string; cert: string };
  let foreign: { key: string; cert: string };
  const web = createServer((incoming, response) => response.end(`web ${incoming.headers['l5d-client-id'] ?? 'plain'}`));

  beforeAll(async () => {
    const timeouts = JSON.stringify([{ name: 'LINKERD2_PROXY_INBOUND_DETECT_TIMEOUT', value: `${detectTimeoutMs}ms` }]);
    mesh = await TestMesh.start([
      { name: 'client' },
      {
        name: 'server',
        ports: [8080, 8443, 7000],
        annotations: { 'config.tulle.dev/proxy-additional-env': timeouts },
      },
    ]);
    own = mesh.issue(clientId);
    foreign = mesh.issue('shop.example.com');
    await mesh.serve('server', 8080, web);
    await mesh.serve(
      'server',
      8443,
      createTlsServer(foreign, (socket) => socket.end('the application itself')),
    );
    await mesh.serveTcp('server', 7000, (socket) => {
      socket.write('first');
      socket.on('data', (chunk) => socket.write(chunk));
      socket.on('end', () => socket.end());
    });
    await mesh.ready();
  }, 60_000);
  afterAll(() => mesh.stop());

  /** A TLS connection whose hello, and all else, arrives in pieces. */
  async function overTls(port: number, pieceBytes: number, options: ConnectionOptions): Promise<TLSSocket> {
    const through = await relay(mesh.ip('server'), port, pieceBytes);
    const socket = connectTls({ host: '127.0.0.1', port: through.port, ca: mesh.trustAnchors, ...options });
    socket.on('close', () => through.close());
    return socket;
  }
  const asClient = (more: ConnectionOptions = {}): ConnectionOptions => ({
    ...own,
    servername: serverId,
    checkServerIdentity: () => undefined,
    ...more,
  });

  it.each([1, 7, 100, 100_000])(
    'TLS for another name goes to the application as it is (in pieces of %i)',
    async (size) => {
      const socket = await overTls(listeners.tls, size, { servername: 'shop.example.com' });
      expect(await all(socket)).toBe('the application itself');
      const named = ['peer="src"', 'tls="opaque"', 'target_port="8443"'];
      expect(await mesh.metric('server', 'tcp_open_total', ...named)).toBeGreaterThan(0);
    },
  );

  it.each([1, 7, 100, 100_000])('TLS for this workload ends at its sidecar (in pieces of %i)', async (size) => {
    const socket = await overTls(listeners.web, size, asClient());
    socket.write(request);
    expect(await all(socket)).toContain(`web ${clientId}`);
  });

  it('a client that shows no certificate has TLS, and no name', async () => {
    const socket = await overTls(listeners.web, 100_000, asClient({ key: undefined, cert: undefined }));
    socket.write(request);
    expect(await all(socket)).toContain('web plain');
  });

  describe('at the port of the sidecar, over TLS with the ALPN protocol of transport headers', () => {
    const direct = (more: ConnectionOptions = {}) =>
      overTls(meshPort, 100_000, asClient({ ALPNProtocols: [transportAlpn], ...more }));

    it('goes to the port that the header names, as HTTP where it says so', async () => {
      const socket = await direct();
      socket.write(
        Buffer.concat([encodeTransportHeader({ port: 8080, name: '', protocol: 'http1' }), Buffer.from(request)]),
      );
      expect(await all(socket)).toContain(`web ${clientId}`);
    });

    it('is HTTP where it says nothing and is: nothing of it could be said by its client alone', async () => {
      const socket = await direct();
      socket.write(
        Buffer.concat([encodeTransportHeader({ port: 8080, name: '', protocol: undefined }), Buffer.from(request)]),
      );
      expect(await all(socket)).toContain(`web ${clientId}`);
    });

    it.each([
      [
        'a header that names the sidecar itself',
        {},
        encodeTransportHeader({ port: meshPort, name: '', protocol: undefined }),
      ],
      [
        'a header that names another host',
        {},
        encodeTransportHeader({ port: 80, name: 'web.example.com', protocol: undefined }),
      ],
      ['something that is no header', {}, Buffer.from(request)],
      ['an incomplete header', {}, Buffer.from('transport.l5d.io/v1')],
      [
        'a client without a certificate',
        { key: undefined, cert: undefined },
        encodeTransportHeader({ port: 8080, name: '', protocol: 'http1' }),
      ],
    ] as const)('refuses %s', async (_, options, bytes) => {
      const before = await mesh.metric('server', 'inbound_tcp_errors_total', 'error="transport header"');
      const socket = await direct(options);
      socket.write(Buffer.concat([bytes, Buffer.from(request)]).subarray(0, bytes.length));
      expect(await all(socket)).toBe('');
      expect(await mesh.metric('server', 'inbound_tcp_errors_total', 'error="transport header"')).toBe(before + 1);
    });
  });

  it('bytes of an unknown protocol are passed on at once, both ways', async () => {
    const socket = connect(listeners.raw, mesh.ip('server'));
    const read = all(socket);
    const sent = performance.now();
    socket.write(Buffer.from([0, 1, 2, 3]));
    await vi.waitFor(() => expect(socket.bytesRead).toBe('first'.length + 4), 5000);
    expect(performance.now() - sent).toBeLessThan(detectTimeoutMs);
    socket.end();
    expect(await read).toBe('first\x00\x01\x02\x03');
  });

  it('a server that speaks first, on a port that nobody declared, is heard after the time of detection', async () => {
    const socket = connect(listeners.raw, mesh.ip('server'));
    const opened = performance.now();
    await new Promise((resolve) => socket.once('data', resolve));
    expect(performance.now() - opened).toBeGreaterThanOrEqual(detectTimeoutMs - 50);
    socket.destroy();
  });

  it('what has come when the client ends is not lost: half a request line is passed on as it is', async () => {
    const socket = connect(listeners.raw, mesh.ip('server'));
    const read = all(socket);
    socket.end('GE');
    expect(await read).toBe('firstGE');
  });
});
