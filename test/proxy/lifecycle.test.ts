import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, get, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as secure } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeCredentials } from '../../local/credentials.ts';
import { freePort, TestMesh } from './test-mesh.ts';

const root = join(import.meta.dirname, '../..');
const bun = join(root, 'node_modules/.bin/bun');
const folder = mkdtempSync(join(tmpdir(), 'tulle-lifecycle-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('in a mesh', () => {
  let mesh: TestMesh;
  const renewal = JSON.stringify([
    { name: 'LINKERD2_PROXY_IDENTITY_MIN_REFRESH', value: '500ms' },
    { name: 'LINKERD2_PROXY_IDENTITY_MAX_REFRESH', value: '1s' },
  ]);

  beforeAll(async () => {
    mesh = await TestMesh.start([
      { name: 'client', annotations: { 'config.tulle.dev/proxy-outbound-discovery-cache-unused-timeout': '200ms' } },
      { name: 'server', ports: [8080], annotations: { 'config.tulle.dev/proxy-additional-env': renewal } },
      { name: 'mail', ports: [2525], annotations: { 'config.tulle.dev/opaque-ports': '2525' } },
      { name: 'closed', ports: [8080], annotations: { 'config.tulle.dev/default-inbound-policy': 'deny' } },
    ]);
    const slow = createServer((incoming, response) => {
      const delayMs = Number(new URL(incoming.url ?? '/', 'http://server').searchParams.get('delay') ?? 0);
      setTimeout(() => response.end('answered'), delayMs);
    });
    await mesh.serve('server', 8080, slow);
    await mesh.serve(
      'closed',
      8080,
      createServer((_incoming, response) => response.end('never')),
    );
    await mesh.serveTcp('mail', 2525, (socket) => {
      // A server that speaks first, as no HTTP server does.
      socket.write('220 ready\r\n');
      socket.on('data', (chunk) => socket.write(`250 ${chunk}`));
      socket.on('end', () => socket.end('221 bye\r\n'));
    });
    await mesh.ready();
  }, 60_000);
  afterAll(() => mesh.stop());

  const call = (host: string, path = '/', agent: Agent | false = false) =>
    new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      const asked = request(
        { host: mesh.ip('client'), port: 4140, path, headers: { host }, agent, timeout: 8000 },
        (response) => {
          let body = '';
          response.on('data', (chunk) => {
            body += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode, body }));
          response.on('error', reject);
        },
      );
      asked.on('timeout', () => asked.destroy(new Error('no answer')));
      asked.on('error', reject);
      asked.end();
    });

  it('opaque bytes go through mutual TLS too, also when the server speaks first, with half-closes', async () => {
    const socket = connect({ port: 4140, host: mesh.ip('client'), allowHalfOpen: true });
    socket.write('CONNECT mail.test:2525 HTTP/1.1\r\nhost: mail.test:2525\r\n\r\n');
    let read = '';
    socket.on('data', (chunk) => {
      read += chunk;
    });
    await vi.waitFor(() => expect(read).toMatch(/^HTTP\/1\.1 200 [\s\S]*220 ready\r\n$/), 5000);
    socket.write('HELO\r\n');
    await vi.waitFor(() => expect(read).toContain('250 HELO\r\n'));
    socket.end();
    await vi.waitFor(() => expect(read).toMatch(/221 bye\r\n$/));
    const identity = 'client_id="client.test.serviceaccount.identity.tulle.cluster.local"';
    const opened = () => mesh.metric('mail', 'tcp_open_total', 'peer="src"', 'target_port="2525"', identity);
    expect(await opened()).toBeGreaterThan(0);
  });

  /** Calls a server outside the mesh, and waits until the client has forgotten it: its connections there are closed. */
  async function useAndForget(): Promise<void> {
    const outside = createServer((_incoming, response) => response.end('outside'));
    await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(outside.address() as AddressInfo).port}`;
    const closes = () => mesh.metric('client', 'tcp_close_total', 'peer="dst"', `target_addr="${address}"`);
    expect((await call(address)).status).toBe(200);
    await vi.waitFor(async () => expect(await closes()).toBe(1));
    outside.close();
  }

  it('a connection that was idle for longer than a target is remembered still carries requests', async () => {
    const socket = connect({ port: 4140, host: mesh.ip('client') });
    let read = '';
    socket.on('data', (chunk) => {
      read += chunk;
    });
    const answers = () => read.split('answered').length - 1;
    const ask = async (): Promise<void> => {
      const before = answers();
      socket.write('GET / HTTP/1.1\r\nhost: server.test:8080\r\n\r\n');
      await vi.waitFor(() => expect(answers()).toBe(before + 1), 5000);
    };
    socket.write('CONNECT server.test:8080 HTTP/1.1\r\nhost: server.test:8080\r\n\r\n');
    await vi.waitFor(() => expect(read).toMatch(/^HTTP\/1\.1 200 /));
    await ask();
    await useAndForget();
    await ask();
    socket.destroy();
  });

  it('a port that denies everyone refuses meshed clients with 403, and counts it', async () => {
    expect((await call('closed.test:8080')).status).toBe(403);
    expect(await mesh.metric('closed', 'inbound_http_authz_deny_total')).toBeGreaterThan(0);
  });

  it('certificates are renewed while requests go on: none fails, and no connection is dropped', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const refreshes = () => mesh.metric('server', 'control_identity_cert_refreshes_total', 'result="ok"');
    const connections = () => mesh.metric('client', 'tcp_open_total', 'peer="dst"', 'dst_deployment="server"');
    await call('server.test:8080', '/', agent);
    const [before, opened] = [await refreshes(), await connections()];
    const statuses = new Map<number | undefined, number>();
    const deadlineMs = Date.now() + 15_000;
    while ((await refreshes()) < before + 2 && Date.now() < deadlineMs) {
      const { status } = await call('server.test:8080', '/', agent);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect(await refreshes()).toBeGreaterThanOrEqual(before + 2);
    expect([...statuses.keys()]).toEqual([200]);
    expect(await connections()).toBe(opened);
    agent.destroy();
  });

  it('the proxies go on with what they know while the control plane does not answer', async () => {
    await call('server.test:8080');
    const pids = [mesh.pid('tulle-destination', 'destination'), mesh.pid('tulle-identity', 'identity')];
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    try {
      expect(await call('server.test:8080')).toEqual({ status: 200, body: 'answered' });
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    }
  });

  it('a request under way is answered by an endpoint that discovery takes away meanwhile', async () => {
    const opened = () => mesh.metric('client', 'tcp_open_connections', 'peer="dst"', 'dst_deployment="server"');
    await call('server.test:8080');
    const answer = call('server.test:8080', '/?delay=2000');
    await vi.waitFor(async () =>
      expect(await mesh.metric('server', 'request_total', 'direction="inbound"')).toBeGreaterThan(
        await mesh.metric('server', 'response_total', 'direction="inbound"'),
      ),
    );
    mesh.select('server', 'nobody');
    try {
      expect(await answer).toEqual({ status: 200, body: 'answered' });
      await vi.waitFor(async () => expect(await opened()).toBe(0));
    } finally {
      mesh.select('server', 'server');
    }
    await vi.waitFor(async () => expect((await call('server.test:8080')).status).toBe(200), 10_000);
  });

  it('a sidecar that is told to end answers what is under way, then goes', async () => {
    const pid = mesh.pid('server', 'tulle-proxy');
    const answer = call('server.test:8080', '/?delay=1000');
    await vi.waitFor(async () =>
      expect(await mesh.metric('server', 'request_total', 'direction="inbound"')).toBeGreaterThan(
        await mesh.metric('server', 'response_total', 'direction="inbound"'),
      ),
    );
    process.kill(pid, 'SIGTERM');
    expect(await answer).toEqual({ status: 200, body: 'answered' });
    await vi.waitFor(
      () => expect(mesh.lines.join('\n')).toContain(`tulle-proxy (pid ${pid}) ended (exit code 0)`),
      5000,
    );
  });
});

describe('alone', () => {
  const running: ChildProcess[] = [];
  afterEach(() => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
  });

  function start(env: Record<string, string>): {
    child: ChildProcess;
    output: () => string;
    exit: Promise<number | null>;
  } {
    const child = spawn(bun, [join(root, 'proxy/main.ts')], { env: { PATH: process.env.PATH, ...env } });
    running.push(child);
    let output = '';
    const take = (chunk: Buffer): void => {
      output += chunk;
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    return { child, output: () => output, exit: new Promise((resolve) => child.on('exit', resolve)) };
  }

  const answer = (port: number, path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      get({ port, path, host: '127.0.0.1', agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });

  it('tells every bad variable, then fails once', async () => {
    const { output, exit } = start({
      LINKERD2_PROXY_INBOUND_LISTEN_ADDR: 'nowhere',
      LINKERD2_PROXY_OUTBOUND_CONNECT_TIMEOUT: 'soon',
      LINKERD2_PROXY_DESTINATION_SVC_ADDR: 'localhost:8086',
    });
    expect(await exit).toBe(64);
    for (const name of [
      'INBOUND_LISTEN_ADDR',
      'OUTBOUND_CONNECT_TIMEOUT',
      'IDENTITY_SVC_ADDR',
      'IDENTITY_TRUST_ANCHORS',
    ]) {
      expect(output()).toContain(`LINKERD2_PROXY_${name}`);
    }
  });

  /** The environment of a sidecar whose control plane is nowhere. */
  async function unserved() {
    const { trustAnchors } = await makeCredentials(folder, 'cluster.local', 'tulle', Date.now());
    const token = join(folder, 'token');
    writeFileSync(token, generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }));
    const [admin, inbound, outbound, nobody] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    const env = {
      LINKERD2_PROXY_EXPLICIT_MODE: 'true',
      LINKERD2_PROXY_ADMIN_LISTEN_ADDR: `127.0.0.1:${admin}`,
      LINKERD2_PROXY_INBOUND_LISTEN_ADDR: `127.0.0.1:${inbound}`,
      LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR: `127.0.0.1:${outbound}`,
      LINKERD2_PROXY_INBOUND_PORTS: '8080',
      LINKERD2_PROXY_DESTINATION_SVC_ADDR: `localhost:${nobody}`,
      LINKERD2_PROXY_DESTINATION_CONTEXT: '{"ns":"test"}',
      LINKERD2_PROXY_IDENTITY_SVC_ADDR: `localhost:${nobody}`,
      LINKERD2_PROXY_IDENTITY_LOCAL_NAME: 'web.test.serviceaccount.identity.tulle.cluster.local',
      LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS: trustAnchors,
      LINKERD2_PROXY_IDENTITY_TOKEN_FILE: token,
    };
    return { env, admin, inbound, trustAnchors };
  }

  it('where an address is taken it says so, and ends', async () => {
    const { env, inbound } = await unserved();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(inbound, '127.0.0.1', resolve));
    const { output, exit } = start(env);
    expect(await exit).toBe(1);
    expect(output()).toContain(`127.0.0.1:${inbound}`);
    taken.close();
  });

  it('without a certificate it is alive but not ready, and lets nothing meshed through', async () => {
    const { env, admin, inbound, trustAnchors } = await unserved();
    const { output } = start(env);
    await vi.waitFor(() => expect(output()).toContain('certification failed'), 10_000);
    expect(await answer(admin, '/live')).toBe(200);
    expect(await answer(admin, '/ready')).toBe(503);
    const handshake = new Promise<string>((resolve) => {
      const socket = secure({
        port: inbound,
        host: '127.0.0.1',
        servername: 'web.test.serviceaccount.identity.tulle.cluster.local',
        ca: trustAnchors,
        rejectUnauthorized: false,
      });
      socket.on('secureConnect', () => resolve('accepted'));
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    expect(await handshake).toBe('ECONNRESET');
  });
});
