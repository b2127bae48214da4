import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2, createServer as createHttp2 } from 'node:http2';
import { connect } from 'node:tls';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { encodeTransportHeader, transportAlpn } from '../../proxy/wire/detect/transport-header.ts';
import { meshedHttp2 } from './meshed-http2.ts';
import { Flag, FrameType, frame, requestBlock } from './raw-http2.ts';
import { TestMesh } from './test-mesh.ts';

/** What rate limits let through: real sidecars, a real control plane. */
let mesh: TestMesh;
const agent = new Agent({ keepAlive: true });
/** What has reached an application. */
let reached = 0;

beforeAll(async () => {
  mesh = await TestMesh.start([
    { name: 'first' },
    { name: 'second' },
    { name: 'server', ports: [8080] },
    { name: 'grpc', ports: [8080] },
  ]);
  await mesh.serve(
    'server',
    8080,
    createServer((_incoming, response) => {
      reached++;
      response.end('hello');
    }),
  );
  await mesh.serve(
    'grpc',
    8080,
    createHttp2((_incoming, response) => {
      reached++;
      response.writeHead(200, { 'content-type': 'application/grpc', 'grpc-status': '0' }).end();
    }),
  );
  await mesh.ready();
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await mesh.stop();
});

const group = 'policy.linkerd.io';
const server = (name = 'server', proxyProtocol = 'unknown') => ({
  apiVersion: `${group}/v1beta3`,
  kind: 'Server',
  metadata: { name, namespace: 'test' },
  spec: {
    ...{ podSelector: { matchLabels: { app: name } }, port: 8080, proxyProtocol },
    accessPolicy: 'all-unauthenticated',
  },
});
const perSecond = (requestsPerSecond: number) => ({ requestsPerSecond });
const rateLimit = (spec: object, target = 'server') => ({
  apiVersion: `${group}/v1alpha1`,
  kind: 'HTTPLocalRateLimitPolicy',
  metadata: { name: target === 'server' ? 'limit' : `limit-of-${target}`, namespace: 'test' },
  spec: { targetRef: { group, kind: 'Server', name: target }, ...spec },
});
const override = (requestsPerSecond: number, ...accounts: string[]) => ({
  requestsPerSecond,
  clientRefs: accounts.map((name) => ({ kind: 'ServiceAccount', name })),
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  /** Of the client's connection. */
  readonly localPort?: number;
}

function send(options: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ agent, ...options }, (response) => {
      const { localPort } = response.socket;
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, localPort }));
    })
      .on('error', reject)
      .end();
  });
}
/** Of a workload, through its sidecar. */
const from = (workload: string) => () =>
  send({ host: mesh.ip(workload), port: 4140, headers: { host: 'server.test:8080' } });
/** Without the mesh, to the server's sidecar. */
const unmeshed = () => send({ host: mesh.ip('server'), port: 4143, headers: { host: 'server' } });

const identityOf = (account: string) => `${account}.test.serviceaccount.identity.tulle.cluster.local`;

/** HTTP/2 to a workload's sidecar, as another sidecar speaks it that proves to be of the account `name`. */
async function session(name: string, to = 'server'): Promise<ClientHttp2Session> {
  const socket = connect({
    ...{ host: mesh.ip(to), port: 4143, ca: mesh.trustAnchors, ...mesh.issue(identityOf(name)) },
    servername: identityOf(to),
    ALPNProtocols: [transportAlpn],
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  // Node's HTTP/2 takes no socket that is still writing.
  await new Promise<void>((resolve) => {
    socket.write(encodeTransportHeader({ port: 8080, name: '', protocol: 'http2' }), () => resolve());
  });
  const opened = connectHttp2(`http://${to}.test:8080`, { createConnection: () => socket });
  onTestFinished(() => opened.destroy());
  return opened;
}
function sendHttp2(to: ClientHttp2Session, fields: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = to.request({ ':path': '/', ...fields }, { endStream: true });
    stream.on('error', reject);
    stream.on('response', (headers) => {
      stream.resume();
      stream.on('close', () => resolve({ status: headers[':status'], headers: { ...headers } }));
    });
  });
}
const grpc = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };

/**
 * Asks twice as often as `rate` allows in a second, at once, again and again until that many pass, and not more than the
 * time that it took allows. Returns the answers of those that were refused.
 */
async function holdsAt(rate: number, ask: () => Promise<Answer>): Promise<Answer[]> {
  let refused: Answer[] = [];
  await vi.waitFor(
    async () => {
      const startMs = performance.now();
      const answers = await Promise.all(Array.from({ length: rate * 2 }, ask));
      const seconds = (performance.now() - startMs) / 1000;
      refused = answers.filter(({ status, headers }) => status === 429 || headers['grpc-status'] === '8');
      const passed = answers.length - refused.length;
      expect(passed).toBeGreaterThanOrEqual(rate);
      expect(passed).toBeLessThanOrEqual(Math.ceil(rate * (1 + seconds)));
      expect(answers.filter((each) => !refused.includes(each) && each.status !== 200)).toEqual([]);
    },
    // After a second all is forgotten that came before.
    { timeout: 15_000, interval: 1050 },
  );
  return refused;
}
const limited = (scope: string, ...labels: string[]) =>
  mesh.metric('server', 'inbound_http_local_ratelimit_total', `ratelimit_scope="${scope}"`, ...labels);

// On a machine that is busy a burst takes long, and is asked for again.
describe('a rate limit', { timeout: 60_000 }, () => {
  it('holds for each identity by itself, and says why, when to come again, and in its metric', async () => {
    mesh.apply(server(), rateLimit({ identity: perSecond(20) }));
    const [refused] = await holdsAt(20, from('first'));
    const before = reached;
    const answers = await Promise.all(Array.from({ length: 100 }, from('first')));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(reached - before);
    expect(refused.headers).toMatchObject({
      'retry-after': '1',
      'l5d-proxy-error': 'its proxy failed it: per-identity rate limit exceeded: 20rps',
    });
    await holdsAt(20, from('second'));
    const labels = ['srv_name="server"', 'ratelimit_kind="HTTPLocalRateLimitPolicy"', 'ratelimit_name="limit"'];
    expect(await limited('identity', ...labels, 'client_id="first.')).toBeGreaterThan(0);
    expect(await limited('identity', ...labels, 'client_id="second.')).toBeGreaterThan(0);
    expect(await limited('total')).toBe(0);
  });

  it('holds for all clients without an identity together, who are not told how much it is', async () => {
    mesh.apply(server(), rateLimit({ identity: perSecond(20) }));
    const [refused] = await holdsAt(20, unmeshed);
    expect(refused.headers).toMatchObject({ 'retry-after': '1' });
    expect(refused.headers).not.toHaveProperty('l5d-proxy-error');
    expect(await limited('identity', 'tls="no_identity"')).toBeGreaterThan(0);
  });

  it('is told to scripts of the sites that the route lets read what it serves', async () => {
    const route = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'all', namespace: 'test' },
      spec: {
        parentRefs: [{ group, kind: 'Server', name: 'server' }],
        rules: [{ filters: [{ type: 'CORS', cors: { allowOrigins: ['https://shop.test'] } }] }],
      },
    };
    mesh.apply(server(), route, rateLimit({ total: perSecond(1) }));
    const headers = { host: 'server', origin: 'https://shop.test' };
    await vi.waitFor(async () => {
      const answers = await Promise.all([1, 2, 3].map(() => send({ host: mesh.ip('server'), port: 4143, headers })));
      const [refused] = answers.filter(({ status }) => status === 429);
      expect(refused?.headers).toMatchObject({ 'access-control-allow-origin': headers.origin, vary: 'origin' });
    }, 10_000);
  });

  it('of the total holds for all of them', async () => {
    mesh.apply(server(), rateLimit({ total: perSecond(30) }));
    let turn = 0;
    const anybody = [from('first'), from('second'), unmeshed];
    const refused = await holdsAt(30, () => anybody[turn++ % 3]());
    expect(refused.map(({ headers }) => headers['l5d-proxy-error'])).toContain(
      'its proxy failed it: total rate limit exceeded: 30rps',
    );
    expect(await limited('total')).toBeGreaterThan(0);
  });

  it('of an override holds for its clients instead, be it more or less', async () => {
    const overrides = [override(40, 'first'), override(5, 'second')];
    mesh.apply(server(), rateLimit({ identity: perSecond(20), overrides }));
    const [refused] = await holdsAt(40, from('first'));
    expect(refused.headers['l5d-proxy-error']).toBe('its proxy failed it: override rate limit exceeded: 40rps');
    await holdsAt(5, from('second'));
    await holdsAt(20, unmeshed);
  });

  it('leaves one identity all of its own, however often another asks', async () => {
    mesh.apply(server(), rateLimit({ total: perSecond(40), identity: perSecond(10) }));
    await holdsAt(10, from('first'));
    let asked = 0;
    let isOver = false;
    const flood = (async () => {
      for (; !isOver; asked += 20) await Promise.all(Array.from({ length: 20 }, from('first')));
    })();
    await vi.waitFor(() => expect(asked).toBeGreaterThan(200), { timeout: 5000 });
    await holdsAt(10, from('second'));
    isOver = true;
    await flood;
  });

  it('is RESOURCE_EXHAUSTED to gRPC, and one of a Server that speaks gRPC holds too', async () => {
    for (const protocol of ['unknown', 'HTTP/2', 'gRPC']) {
      mesh.apply(server('grpc', protocol), rateLimit({ identity: perSecond(15) }, 'grpc'));
      const one = await session('one', 'grpc');
      const two = await session('two', 'grpc');
      const [refused] = await holdsAt(15, () => sendHttp2(one, grpc));
      expect(refused).toMatchObject({ status: 200, headers: { 'grpc-status': '8', 'retry-after': '1' } });
      expect(refused.headers['grpc-message']).toBe('per-identity rate limit exceeded');
      expect(refused.headers['l5d-proxy-error']).toBe('per-identity rate limit exceeded: 15rps');
      await holdsAt(15, () => sendHttp2(two, grpc));
      if (protocol !== 'gRPC') await holdsAt(15, () => sendHttp2(two));
    }
  });

  it('is what a real gRPC client reads as RESOURCE_EXHAUSTED, through its own sidecar', async () => {
    mesh.apply(server('grpc', 'gRPC'), rateLimit({ identity: perSecond(2) }, 'grpc'));
    vi.stubEnv('grpc_proxy', `http://${mesh.ip('second')}:4140`);
    const client = new Client('grpc.test:8080', credentials.createInsecure());
    onTestFinished(() => {
      client.close();
      vi.unstubAllEnvs();
    });
    const same = (bytes: Buffer): Buffer => bytes;
    const call = () =>
      new Promise<ServiceError | null>((resolve) => {
        client.makeUnaryRequest('/test.Echo/Unary', same, same, Buffer.alloc(0), (error) => resolve(error));
      });
    await vi.waitFor(
      async () => {
        const errors = await Promise.all(Array.from({ length: 10 }, call));
        const refused = errors.find((error) => error?.code === status.RESOURCE_EXHAUSTED);
        expect(refused?.details).toBe('per-identity rate limit exceeded');
        expect(refused?.metadata.get('retry-after')).toEqual(['1']);
      },
      { timeout: 10_000, interval: 100 },
    );
  });

  it('changes, and goes, under connections that are open', async () => {
    const apply = (spec: object) => mesh.apply(server(), server('grpc'), rateLimit(spec), rateLimit(spec, 'grpc'));
    apply({ identity: perSecond(10) });
    const http1 = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => http1.destroy());
    const ports = new Set<number | undefined>();
    const one = async () => {
      const answer = await send({ host: mesh.ip('server'), port: 4143, agent: http1, headers: { host: 'server' } });
      ports.add(answer.localPort);
      return answer;
    };
    const opened = await session('one', 'grpc');
    const stream = () => sendHttp2(opened, grpc);
    for (const rate of [10, 30, 5]) {
      apply({ identity: perSecond(rate) });
      await Promise.all([holdsAt(rate, one), holdsAt(rate, stream)]);
    }
    mesh.apply(server(), server('grpc'));
    await vi.waitFor(
      async () => {
        const answers = await Promise.all(Array.from({ length: 100 }, () => [one(), stream()]).flat());
        expect(answers.filter(({ status, headers }) => status === 429 || headers['grpc-status'] === '8')).toEqual([]);
      },
      { timeout: 5000, interval: 50 },
    );
    expect(ports.size).toBe(1);
    expect(opened.destroyed).toBe(false);
  });

  it('refuses requests, not connections: one whose body is still coming is answered, and so is what comes after', async () => {
    mesh.apply(server('grpc'), rateLimit({ identity: perSecond(1) }, 'grpc'));
    const warden = await session('warden', 'grpc');
    await holdsAt(1, () => sendHttp2(warden, grpc));
    const client = await meshedHttp2(mesh, 'grpc', 8080, mesh.issue(identityOf('uploader')));
    const headers = (streamId: number, method: string, flags: number) =>
      frame(FrameType.headers, Flag.endHeaders | flags, streamId, requestBlock(method, '/'));
    await client.send(
      headers(1, 'GET', Flag.endStream),
      headers(3, 'POST', 0),
      frame(FrameType.data, 0, 3, Buffer.alloc(1000)),
    );
    const waiting = { timeout: 5000, interval: 20 };
    // The refusal does not wait for the application.
    await vi.waitFor(() => expect(client.statuses().sort()).toEqual(['200', '429']), waiting);
    let next = 5;
    await vi.waitFor(
      async () => {
        await client.send(headers(next, 'GET', Flag.endStream));
        next += 2;
        expect(client.statuses().filter((status) => status === '200')).toHaveLength(2);
      },
      { timeout: 5000, interval: 200 },
    );
    expect([client.closed, client.goAway]).toEqual([false, undefined]);
    client.socket.destroy();
  });
});
