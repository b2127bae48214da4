import { Agent, createServer, request, type Server } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** What two sidecars agree on: what a port's Server declares, detection, and an application that ends before its own. */
let mesh: TestMesh;
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const detectTimeoutMs = 500;
const names = ['web-a', 'web-b'] as const;
const applications = new Map<string, Server>();

beforeAll(async () => {
  const timeouts = JSON.stringify(
    ['INBOUND', 'OUTBOUND'].map((side) => ({
      name: `LINKERD2_PROXY_${side}_DETECT_TIMEOUT`,
      value: `${detectTimeoutMs}ms`,
    })),
  );
  const annotations = { 'config.tulle.dev/proxy-additional-env': timeouts };
  mesh = await TestMesh.start([
    { name: 'client', annotations },
    { name: 'server', ports: [8080, 8081, 7000], annotations },
    ...names.map((name) => ({ name, ports: [8080], labels: { part: 'web' } })),
  ]);
  await mesh.serve(
    'server',
    8080,
    createServer((_incoming, response) => response.end('hello')),
  );
  await mesh.serve(
    'server',
    8081,
    createHttp2Server((_incoming, response) => response.end('hello')),
  );
  await mesh.serveTcp('server', 7000, (socket) => socket.end('first'));
  for (const name of names) await begin(name);
  await mesh.ready();
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await mesh.stop();
});

/** Starts the application of a workload, that takes a moment for each answer. */
async function begin(name: string): Promise<void> {
  const server = createServer((incoming, response) => {
    incoming.resume();
    if (!server.listening) response.setHeader('connection', 'close');
    incoming.on('end', () => setTimeout(() => response.end(name), 2));
  });
  applications.set(name, server);
  await mesh.serve(name, 8080, server);
}

/** Ends it as applications do: what is under way is answered, what is idle is closed. */
function end(name: string): Promise<void> {
  return new Promise((resolve) => applications.get(name)!.close(() => resolve()));
}

function ask(authority: string, method = 'GET', body = ''): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { host: authority };
    request({ host: mesh.ip('client'), port: 4140, path: '/', method, headers, agent }, (response) => {
      let read = '';
      response.on('data', (chunk) => {
        read += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body: read }));
    })
      .on('error', reject)
      .end(body);
  });
}

async function askHttp2(authority: string): Promise<unknown> {
  const session = connectHttp2(`http://${mesh.ip('client')}:4140`);
  try {
    return await new Promise((resolve, reject) => {
      const stream = session.request({ ':authority': authority, ':path': '/' });
      stream.on('response', (head) => resolve(head[':status']));
      stream.on('error', reject);
      stream.resume();
    });
  } finally {
    session.destroy();
  }
}

const serverOf = (port: number, proxyProtocol: string) => ({
  apiVersion: 'policy.linkerd.io/v1beta3',
  kind: 'Server',
  metadata: { name: `p${port}`, namespace: 'test' },
  spec: { podSelector: { matchLabels: { app: 'server' } }, port, proxyProtocol, accessPolicy: 'all-unauthenticated' },
});

describe('a port whose Server declares what its application speaks', () => {
  it.each(['HTTP/1', 'unknown'])('%s: is called by meshed HTTP/1', async (proxyProtocol) => {
    mesh.apply(serverOf(8080, proxyProtocol));
    await vi.waitFor(async () => {
      expect(await ask('server.test:8080')).toEqual({ status: 200, body: 'hello' });
      expect(await mesh.metric('server', 'inbound_http_authz_allow_total', 'srv_name="p8080"')).toBeGreaterThan(0);
    }, 5000);
    for (let i = 0; i < 5; i++) expect((await ask('server.test:8080')).status).toBe(200);
  });

  it.each(['HTTP/2', 'gRPC'])('%s: is called by meshed HTTP/2', async (proxyProtocol) => {
    mesh.apply(serverOf(8081, proxyProtocol));
    await vi.waitFor(async () => {
      expect(await askHttp2('server.test:8081')).toBe(200);
      expect(await mesh.metric('server', 'inbound_http_authz_allow_total', 'srv_name="p8081"')).toBeGreaterThan(0);
    }, 5000);
  });
});

it('a server that speaks first is heard after the client’s time of detection: the server’s sidecar is told, and waits no second time', async () => {
  const started = performance.now();
  const read = await new Promise<string>((resolve, reject) => {
    const socket: Socket = connect(4140, mesh.ip('client'));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      if (text.endsWith('first')) resolve(text);
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.write('CONNECT server.test:7000 HTTP/1.1\r\nhost: server.test:7000\r\n\r\n');
  });
  expect(read).toMatch(/first$/);
  expect(performance.now() - started).toBeLessThan(1.8 * detectTimeoutMs);
  expect(await mesh.metric('server', 'tcp_open_total', 'direction="inbound"', 'tls="true"')).toBeGreaterThan(0);
});

it('applications that end before their sidecars, one after the other, cost no request', {
  timeout: 60_000,
}, async () => {
  const both = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'test' },
    spec: { selector: { part: 'web' }, ports: [{ name: 'http', port: 8080 }] },
  };
  mesh.apply(both);
  await vi.waitFor(async () => {
    const seen = await Promise.all(Array.from({ length: 20 }, () => ask('web.test:8080')));
    expect(new Set(seen.map(({ body }) => body)).size).toBe(2);
  }, 10_000);
  const answers = new Map<string, number>();
  let answered = 0;
  let restarted = false;
  const client = async (i: number): Promise<void> => {
    while (!restarted) {
      const { status, body } = await (i % 2 === 0
        ? ask('web.test:8080')
        : ask('web.test:8080', 'PUT', 'x'.repeat(999)));
      answered++;
      const answer = status === 200 ? body : `${status} ${body}`;
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  };
  /** How often discovery was told that a pod is ready, or is not. */
  const told = (name: string, state: string): number =>
    mesh.lines.filter((line) => line.startsWith(`test/${name}-0 is ${state}`)).length;
  const more = (count: number, counted: () => number): Promise<void> => {
    const until = counted() + count;
    return vi.waitFor(() => expect(counted()).toBeGreaterThanOrEqual(until), 20_000);
  };
  const restart = async (): Promise<void> => {
    for (const name of names) {
      const gone = more(1, () => told(name, 'not ready'));
      await Promise.all([end(name), more(100, () => answered)]);
      await gone;
      const back = more(1, () => told(name, 'ready'));
      await begin(name);
      // As in a rollout, the next one ends once this one serves again.
      await back;
      await more(50, () => answers.get(name) ?? 0);
    }
    restarted = true;
  };
  await Promise.all([restart(), ...Array.from({ length: 8 }, (_, i) => client(i))]);
  expect([...answers.keys()].sort()).toEqual(names);
  expect(answered).toBeGreaterThan(400);
});
