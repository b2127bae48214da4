import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LoneProxy } from '../proxy/lone-proxy.ts';
import { freePort, TestMesh } from '../proxy/test-mesh.ts';
import { vector } from './vector.ts';

/** An address by which this host does not look like itself. */
const address = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

describe.skipIf(address === undefined)('from another host', () => {
  let proxy: LoneProxy;
  let app: ReturnType<typeof createServer>;
  let port: number;

  beforeAll(async () => {
    app = createServer((_incoming, response) => response.end('secret'));
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
    const upstream = (app.address() as AddressInfo).port;
    port = await freePort();
    proxy = await LoneProxy.start(
      upstream,
      {
        LINKERD2_PROXY_INBOUND_DEFAULT_POLICY: 'deny',
        LINKERD2_PROXY_ADMIN_LISTEN_ADDRS: `127.0.0.1:${port},${address}:${port}`,
      },
      { adminPort: port },
    );
  }, 40_000);
  afterAll(async () => {
    await proxy?.stop();
    app.close();
  });

  const ask = async (host: string, path: string): Promise<number> =>
    (await fetch(`http://${host}:${port}${path}`)).status;

  vector(
    {
      who: 'net',
      attack: 'the admin server of a pod whose policy denies everybody, asked for its metrics',
      promise: 'they are for whom policy lets in; only health, for the kubelet, and the pod itself are answered',
    },
    async () => {
      const own = await Promise.all(['/live', '/ready', '/metrics'].map((path) => ask('127.0.0.1', path)));
      const others = await Promise.all(
        ['/live', '/ready', '/metrics', '/metrics?x', '/env.json', '/proxy-log-level'].map((path) =>
          ask(address!, path),
        ),
      );
      expect([own, others]).toEqual([
        [200, 200, 200],
        [200, 200, 403, 403, 403, 403],
      ]);
    },
  );
});

vector(
  {
    who: 'net',
    attack: 'a request in plaintext to a port that takes no client without TLS, which policy opens to everybody',
    promise: 'it is refused, as on the port of the identity component of an install',
  },
  async () => {
    const app = createServer((_incoming, response) => response.end('secret'));
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
    const { port } = app.address() as AddressInfo;
    const proxy = await LoneProxy.start(port, { LINKERD2_PROXY_INBOUND_PORTS_REQUIRE_TLS: `${port}` });
    try {
      expect((await fetch(`http://127.0.0.1:${proxy.inbound}/`)).status).toBe(403);
    } finally {
      await proxy.stop();
      app.close();
    }
  },
  40_000,
);

it('clients of the mesh ask the admin server by its TLS, and prove their identity by it', async () => {
  const mesh = await TestMesh.start([{ name: 'server', ports: [8080] }, { name: 'client' }]);
  try {
    await mesh.serve(
      'server',
      8080,
      createServer((_incoming, response) => response.end()),
    );
    await mesh.ready();
    const socket = connectTls({
      host: mesh.ip('server'),
      port: 4191,
      servername: 'server.test.serviceaccount.identity.tulle.cluster.local',
      ca: mesh.trustAnchors,
      ...mesh.issue('prometheus.test.serviceaccount.identity.tulle.cluster.local'),
      checkServerIdentity: () => undefined,
    });
    let read = '';
    socket.on('data', (chunk: Buffer) => {
      read += chunk;
    });
    socket.write('GET /metrics HTTP/1.1\r\nhost: server\r\nconnection: close\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(read).toMatch(/^HTTP\/1\.1 200 [\s\S]*proxy_http_streams_open/);
    // As a scraper with a sidecar asks: over HTTP/2, as discovery tells that.
    const headers = { host: `${mesh.ip('server')}:4191` };
    const scraped = await new Promise<number | undefined>((resolve, reject) => {
      get({ host: mesh.ip('client'), port: 4140, path: '/metrics', headers, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });
    expect(scraped).toBe(200);
    const byTls = ['direction="outbound"', 'peer="dst"', 'tls="true"', 'target_port="4191"'];
    expect(await mesh.metric('client', 'tcp_open_total', ...byTls)).toBe(1);
  } finally {
    await mesh.stop();
  }
}, 60_000);
