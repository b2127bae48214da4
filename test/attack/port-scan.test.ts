import { createServer } from 'node:http';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { encodeTransportHeader, transportAlpn } from '../../proxy/wire/detect/transport-header.ts';
import { TestMesh } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

/** `hidden` is a port that the pod does not declare, and a Server closes. */
const [declared, hidden, open] = [8080, 9090, 9091];
let mesh: TestMesh;
let identities: { key: string; cert: string }[];

beforeAll(async () => {
  const closed = [declared, hidden].map((port) => ({
    apiVersion: 'policy.linkerd.io/v1beta3',
    kind: 'Server',
    metadata: { name: `port-${port}`, namespace: 'test' },
    spec: { podSelector: { matchLabels: { app: 'server' } }, port },
  }));
  mesh = await TestMesh.start([{ name: 'server', ports: [declared] }], closed);
  for (const port of [declared, hidden, open]) {
    await mesh.serve(
      'server',
      port,
      createServer((_incoming, response) => response.end('secret')),
    );
  }
  await mesh.ready();
  identities = ['mallory', 'mallet', 'eve'].map((name) =>
    mesh.issue(`${name}.test.serviceaccount.identity.tulle.cluster.local`),
  );
}, 120_000);
afterAll(() => mesh.stop());

/** The status of a request to a port that a transport header names; undefined when the connection is refused. */
async function ask(port: number, identity = 0, protocol: 'http1' | undefined = 'http1'): Promise<number | undefined> {
  const socket = connect({
    host: mesh.ip('server'),
    port: 4143,
    servername: 'server.test.serviceaccount.identity.tulle.cluster.local',
    ca: mesh.trustAnchors,
    ...identities[identity % identities.length],
    ALPNProtocols: [transportAlpn],
    checkServerIdentity: () => undefined,
  });
  let read = '';
  socket
    .on('error', () => {})
    .on('data', (chunk: Buffer) => {
      read += chunk;
    });
  socket.write(encodeTransportHeader({ port, name: '', protocol }));
  socket.write('GET / HTTP/1.1\r\nhost: server.test\r\nconnection: close\r\n\r\n');
  await new Promise((resolve) => socket.once('close', resolve));
  const status = /^HTTP\/1\.1 (\d+)/.exec(read)?.[1];
  return status === undefined ? undefined : Number(status);
}

vector(
  {
    who: 'mesh',
    attack:
      'a scan of 1,500 ports by three identities, with requests between to ports that Servers close, one of them not declared',
    promise: 'no request is let in by it, neither while it lasts nor after, and ports that are open come back',
  },
  async () => {
    expect([await ask(declared), await ask(hidden), await ask(open)]).toEqual([403, 403, 200]);
    const got = new Set<number | undefined>();
    for (let from = 20_000; from < 21_500; from += 50) {
      const scanned = Array.from({ length: 50 }, (_, i) => ask(from + i, i, i % 2 === 0 ? 'http1' : undefined));
      const asked = [ask(hidden, from), ask(declared, from), ask(hidden, from, undefined)];
      await Promise.all(scanned);
      for (const status of await Promise.all(asked)) got.add(status);
    }
    expect(got).not.toContain(200);
    await vi.waitFor(async () => expect(await ask(hidden)).toBe(403), { timeout: 20_000, interval: 200 });
    await vi.waitFor(async () => expect(await ask(open)).toBe(200), { timeout: 20_000, interval: 200 });
    expect(await ask(declared)).toBe(403);
  },
  120_000,
);
