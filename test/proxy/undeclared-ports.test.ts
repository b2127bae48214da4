import { createServer } from 'node:http';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { encodeTransportHeader, transportAlpn } from '../../proxy/wire/detect/transport-header.ts';
import { TestMesh } from './test-mesh.ts';

/** What a client of the mesh gets at ports that the pod does not declare: it can name any of them. */
let mesh: TestMesh;
let own: { key: string; cert: string };
const declared = 8080;
const hidden = [9090, 9091];

beforeAll(async () => {
  mesh = await TestMesh.start([{ name: 'server', ports: [declared] }]);
  for (const port of [declared, ...hidden]) {
    await mesh.serve(
      'server',
      port,
      createServer((_incoming, response) => response.end('hello')),
    );
  }
  await mesh.ready();
  own = mesh.issue('client.test.serviceaccount.identity.tulle.cluster.local');
}, 120_000);
afterAll(() => mesh.stop());

function open(): Promise<TLSSocket> {
  const socket = connect({
    host: mesh.ip('server'),
    port: 4143,
    servername: 'server.test.serviceaccount.identity.tulle.cluster.local',
    ca: mesh.trustAnchors,
    ...own,
    ALPNProtocols: [transportAlpn],
    checkServerIdentity: () => undefined,
  });
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** The status of a request to a port, as a sidecar sends it; undefined when the connection is refused. */
async function ask(port: number): Promise<number | undefined> {
  const socket = await open();
  let read = '';
  socket.on('data', (chunk) => {
    read += chunk;
  });
  socket.on('error', () => {});
  socket.write(encodeTransportHeader({ port, name: '', protocol: 'http1' }));
  socket.write('GET / HTTP/1.1\r\nhost: server.test\r\nconnection: close\r\n\r\n');
  await new Promise((resolve) => socket.once('close', resolve));
  const status = /^HTTP\/1\.1 (\d+)/.exec(read)?.[1];
  return status === undefined ? undefined : Number(status);
}

const server = (port: number) => ({
  apiVersion: 'policy.linkerd.io/v1beta3',
  kind: 'Server',
  metadata: { name: `port-${port}`, namespace: 'test' },
  spec: { podSelector: { matchLabels: { app: 'server' } }, port },
});

it('a Server that admits nobody admits nobody from the first connection to its port', async () => {
  expect(await ask(declared)).toBe(200);
  mesh.apply(...[declared, ...hidden].map(server));
  await vi.waitFor(async () => expect(await ask(declared)).toBe(403), { timeout: 5000, interval: 50 });
  expect(await ask(hidden[0])).toBe(403);
});

it('nor can a client open such a port by naming many others before', async () => {
  const ports = Array.from({ length: 1050 }, (_, i) => 20_000 + i);
  const statuses: (number | undefined)[] = [];
  for (let i = 0; i < ports.length; i += 50) {
    statuses.push(...(await Promise.all(ports.slice(i, i + 50).map(ask))));
  }
  expect(statuses).not.toContain(200);
  expect([403, undefined]).toContain(await ask(hidden[1]));
  await vi.waitFor(async () => expect(await ask(hidden[1])).toBe(403), { timeout: 10_000, interval: 200 });
  expect(await ask(declared)).toBe(403);
}, 120_000);
