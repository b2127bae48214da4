import { randomBytes } from 'node:crypto';
import { Agent, type ClientRequest, createServer, type IncomingHttpHeaders, request } from 'node:http';
import { Client, credentials, Metadata, Server, ServerCredentials, type ServerUnaryCall } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** Requests that go to a second of three endpoints when the first is silent: what their clients and those endpoints see. */
let mesh: TestMesh;
interface Asked {
  readonly pod: string;
  readonly id: string;
  readonly body: Buffer;
  /** Its client went away before it was answered. */
  cancelled: boolean;
}
let asked: Asked[];
/** A pod that takes long for everything. */
let stalled = '';
const pods = ['pod', 'pod-b', 'pod-c'];
const grpcServers: Server[] = [];
let client: Client;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

const service = (name: string, annotations: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'test', annotations },
  spec: {
    selector: { app: 'pod' },
    ports: [
      { name: 'http', port: 8080 },
      { name: 'grpc', port: 8081 },
    ],
  },
});
const hedged = (after: string, budget: string) => ({
  'hedge.tulle.dev/after': after,
  'hedge.tulle.dev/budget': budget,
});
const fault = {
  apiVersion: 'tulle.dev/v1alpha1',
  kind: 'FaultInjection',
  metadata: { name: 'teapot', namespace: 'test' },
  spec: { abort: { httpStatus: 418 } },
};
const extensionRef = { group: 'tulle.dev', kind: 'FaultInjection', name: 'teapot' };
/** One of its two backends fails all that goes there. */
const halfFaulty = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'faulty', namespace: 'test', annotations: hedged('20ms', '1') },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: 'faulty', port: 8080 }],
    rules: [
      {
        backendRefs: [
          { name: 'plain', port: 8080 },
          { name: 'few', port: 8080, filters: [{ type: 'ExtensionRef', extensionRef }] },
        ],
      },
    ],
  },
};
const grpcRoute = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GRPCRoute',
  metadata: { name: 'calls', namespace: 'test', annotations: hedged('50ms', '1') },
  spec: {
    parentRefs: [{ group: '', kind: 'Service', name: 'calls', port: 8081 }],
    rules: [{ backendRefs: [{ name: 'calls', port: 8081 }] }],
  },
};

/**
 * How long an endpoint thinks: as the request says for whichever has it first, and no time for another; for ever, when it
 * says `never`.
 */
const isSlow = ({ 'x-slow': slow }: IncomingHttpHeaders, id: string): number | 'never' => {
  const tries = asked.filter((each) => each.id === id).length;
  if (slow === undefined || (slow.includes('first') && tries > 1)) return 0;
  return slow.includes('never') ? 'never' : Number.parseInt(String(slow), 10);
};

beforeAll(async () => {
  const workloads = pods.map((name) => ({ name, ports: [8080, 8081], labels: { app: 'pod' } }));
  mesh = await TestMesh.start(
    [{ name: 'client' }, ...workloads],
    [
      service('plain', {}),
      service('hedged', hedged('50ms', '1')),
      service('few', hedged('100ms', '0.2')),
      service('stormy', hedged('20ms', '0.1')),
      service('retried', { ...hedged('50ms', '1'), 'retry.linkerd.io/http': '503', 'retry.linkerd.io/limit': '1' }),
      service('calls', {}),
      service('faulty', {}),
      fault,
      halfFaulty,
      grpcRoute,
    ],
  );
  for (const pod of pods) {
    const server = createServer((incoming, response) => {
      const id = String(incoming.headers['x-id']);
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('end', () => {
        const one: Asked = { pod, id, body: Buffer.concat(chunks), cancelled: false };
        asked.push(one);
        response.on('close', () => {
          one.cancelled = !response.writableFinished;
        });
        const slow = pod === stalled ? 900 : isSlow(incoming.headers, id);
        const status = Number(incoming.headers['x-status'] ?? 200);
        const answer = (): void => void response.writeHead(status).end(pod);
        if (slow === 0) answer();
        else if (slow !== 'never') setTimeout(answer, slow);
      });
    });
    await mesh.serve(pod, 8080, server);
    await serveGrpc(pod);
  }
  await mesh.ready();
  await Promise.all(['hedged', 'few', 'stormy', 'retried', 'plain'].map(warm));
}, 60_000);
afterAll(async () => {
  delete process.env['grpc_proxy'];
  agent.destroy();
  client?.close();
  for (const server of grpcServers) server.forceShutdown();
  await mesh.stop();
});
beforeEach(() => {
  asked = [];
  stalled = '';
});

const same = (bytes: Buffer): Buffer => bytes;
const echo = {
  path: '/test.Echo/Echo',
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
} as const;

async function serveGrpc(pod: string): Promise<void> {
  const server = new Server();
  server.addService(
    { echo },
    {
      echo: (call: ServerUnaryCall<Buffer, Buffer>, respond: (error: null, answer: Buffer) => void) => {
        const id = String(call.metadata.get('x-id')[0]);
        const one: Asked = { pod, id, body: call.request, cancelled: false };
        asked.push(one);
        if (isSlow({ 'x-slow': call.metadata.get('x-slow')[0] as string | undefined }, id) === 0) {
          respond(null, Buffer.from(pod));
          return;
        }
        // It is told of calls that it has answered, too.
        call.on('cancelled', () => {
          one.cancelled = true;
        });
      },
    },
  );
  grpcServers.push(server);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`${mesh.ip(pod)}:8081`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
}

let ids = 0;
/** Requests so far, by Service. */
const calls = new Map<string, number>();
interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  readonly tookMs: number;
  readonly id: string;
}
interface Call {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
  /** Gets the request. */
  readonly sent?: ClientRequest[];
}
const call = (of: string, { method = 'GET', headers = {}, body, sent: told }: Call = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const startMs = performance.now();
    const id = `${of}-${ids++}`;
    calls.set(of, (calls.get(of) ?? 0) + 1);
    const sent = request({
      host: mesh.ip('client'),
      port: 4140,
      method,
      headers: { host: `${of}.test:8080`, 'x-id': id, ...headers },
      agent,
    });
    told?.push(sent);
    sent.setTimeout(5000, () => sent.destroy(new Error('no answer')));
    sent.on('error', reject).on('response', (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode, body: text, tookMs: performance.now() - startMs, id }),
      );
    });
    sent.end(body);
  });

/** Has all pods ready to be asked. */
const warm = (of: string): Promise<void> =>
  vi.waitFor(
    async () => {
      asked = [];
      await Promise.all(Array.from({ length: 12 }, () => call(of)));
      expect(new Set(asked.map(({ pod }) => pod)).size).toBe(3);
    },
    { timeout: 20_000, interval: 10 },
  );
const triesOf = (id: string): Asked[] => asked.filter((each) => each.id === id);
/** What is left of requests of before may come as late as it likes. */
const triesTo = (of: string): Asked[] => asked.filter(({ id }) => id.startsWith(`${of}-`));
const counted = (what: string, of: string, protocol: 'http' | 'grpc' = 'http') =>
  mesh.metric('client', `outbound_${protocol}_route_hedge_${what}_total`, `parent_name="${of}"`);

/** So many requests, some at a time. */
async function load(of: string, count: number, atOnce: number, callOf: (i: number) => Call): Promise<Answer[]> {
  const answers: Answer[] = [];
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < count) answers.push(await call(of, callOf(next++)));
  };
  await Promise.all(Array.from({ length: atOnce }, loop));
  return answers;
}
const p99 = (answers: readonly Answer[]): number =>
  answers.map(({ tookMs }) => tookMs).sort((a, b) => a - b)[Math.floor(answers.length * 0.99)];

it('what is slow by chance is so no more to clients, and endpoints see a few requests more', async () => {
  const someSlow = (i: number): Call => (i % 20 === 19 ? { headers: { 'x-slow': '900, first' } } : {});
  const without = await load('plain', 200, 4, someSlow);
  expect(p99(without)).toBeGreaterThan(850);
  expect(triesTo('plain')).toHaveLength(200);
  const answers = await load('few', 200, 4, someSlow);
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  expect(p99(answers)).toBeLessThan(600);
  expect(triesTo('few').length).toBeGreaterThanOrEqual(210);
  expect(triesTo('few').length).toBeLessThanOrEqual(200 + 0.2 * (calls.get('few') ?? 0));
  expect(await counted('requests', 'few')).toBeGreaterThanOrEqual(10);
  expect(await counted('wins', 'few')).toBeGreaterThanOrEqual(10);
}, 60_000);

it('a fault of one backend fails what went there first, and nothing that another has by then', async () => {
  await vi.waitFor(async () =>
    expect((await load('faulty', 8, 8, () => ({}))).map(({ status }) => status)).toContain(418),
  );
  const before = await counted('requests', 'faulty');
  // Long enough for each to be hedged, and one in two of those to meet the fault.
  const answers = await load('faulty', 40, 20, () => ({ headers: { 'x-slow': '150' } }));
  const seen = answers.map(({ id, status }) => [status, triesOf(id).length > 0]);
  expect(seen.filter(([status, wasAsked]) => (status === 200) !== wasAsked)).toEqual([]);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 418]));
  expect(await counted('requests', 'faulty')).toBeGreaterThan(before);
});

it('an endpoint that stalls costs its requests the wait for another, and answers none', async () => {
  stalled = (await call('hedged')).body;
  const answers = await load('hedged', 100, 4, () => ({}));
  expect(Math.max(...answers.map(({ tookMs }) => tookMs))).toBeLessThan(600);
  expect(answers.map(({ body }) => body)).not.toContain(stalled);
  expect(asked.filter(({ pod, id }) => pod === stalled && triesOf(id).length === 2).length).toBeGreaterThan(0);
});

it('the endpoint that was slower is told that nobody waits any more', async () => {
  const { status, body, id } = await call('hedged', { headers: { 'x-slow': 'never, first' } });
  expect(status).toBe(200);
  await vi.waitFor(() => expect(triesOf(id).map(({ cancelled }) => cancelled)).toEqual([true, false]), 5000);
  expect(triesOf(id)[1].pod).toBe(body);
  expect(triesOf(id)[0].pod).not.toBe(body);
});

it.each([0, 1, 17_000, 64_000])('a body of %i bytes comes to both whole', async (bytes) => {
  const body = randomBytes(bytes);
  const { status, id } = await call('hedged', { method: 'PUT', body, headers: { 'x-slow': 'never, first' } });
  expect(status).toBe(200);
  expect(triesOf(id).map(({ body: came }) => came.equals(body))).toEqual([true, true]);
});

it('what is too long to be held, or may not be done twice, goes to one endpoint', async () => {
  const slow = { 'x-slow': '300' };
  const long = await call('hedged', { method: 'PUT', body: randomBytes(200_000), headers: slow });
  const post = await call('hedged', { method: 'POST', body: Buffer.from('once'), headers: slow });
  expect([long.status, post.status]).toEqual([200, 200]);
  expect([triesOf(long.id).length, triesOf(post.id).length]).toEqual([1, 1]);
  const headers = { 'x-slow': 'never, first', 'idempotency-key': '8e03978e' };
  const keyed = await call('hedged', { method: 'POST', body: Buffer.from('often'), headers });
  expect([keyed.status, triesOf(keyed.id).length]).toEqual([200, 2]);
});

it('a client that leaves has both endpoints told', async () => {
  const leaving: ClientRequest[] = [];
  const left = call('hedged', { headers: { 'x-slow': 'never' }, sent: leaving }).catch(() => 'left');
  await vi.waitFor(() => expect(asked).toHaveLength(2), 5000);
  leaving[0].socket?.resetAndDestroy();
  expect(await left).toBe('left');
  await vi.waitFor(() => expect(asked.map(({ cancelled }) => cancelled)).toEqual([true, true]), 5000);
});

it('a failure is no answer while the other endpoint may have one; where both fail, a retry follows', async () => {
  const before = await mesh.metric('client', 'outbound_http_route_retry_requests_total', 'parent_name="retried"');
  const { status, id } = await call('retried', { headers: { 'x-slow': '150', 'x-status': '503' } });
  expect(status).toBe(503);
  expect(triesOf(id)).toHaveLength(3);
  expect(await mesh.metric('client', 'outbound_http_route_retry_requests_total', 'parent_name="retried"')).toBe(
    before + 1,
  );
});

it('when all is slow, endpoints see no more than the budget lets them', async () => {
  const answers = await load('stormy', 400, 40, () => ({ headers: { 'x-slow': '60' } }));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  // Those that came before the storm count for it, too.
  expect(triesTo('stormy').length).toBeLessThanOrEqual(400 + 0.1 * (calls.get('stormy') ?? 0));
  expect(triesTo('stormy').length).toBeGreaterThan(400);
  expect(await counted('overflow', 'stormy')).toBeGreaterThan(100);
}, 60_000);

it('a gRPC call that says it may be done twice is, and one that does not is not', async () => {
  process.env['grpc_proxy'] = `http://${mesh.ip('client')}:4140`;
  client = new Client('calls.test:8081', credentials.createInsecure());
  const echoed = (fields: Record<string, string>): Promise<{ answer: string; id: string }> =>
    new Promise((resolve, reject) => {
      const metadata = new Metadata();
      const id = `grpc-${ids++}`;
      for (const [name, value] of Object.entries({ 'x-id': id, ...fields })) metadata.set(name, value);
      const deadline = Date.now() + 3000;
      client.makeUnaryRequest(echo.path, same, same, Buffer.from('hello'), metadata, { deadline }, (error, answer) =>
        error ? reject(error) : resolve({ answer: String(answer), id }),
      );
    });
  await vi.waitFor(
    async () => {
      await Promise.all(Array.from({ length: 12 }, () => echoed({ 'idempotency-key': 'warm' })));
      expect(new Set(asked.map(({ pod }) => pod)).size).toBe(3);
    },
    { timeout: 20_000, interval: 10 },
  );
  const { answer, id } = await echoed({ 'x-slow': 'never, first', 'idempotency-key': '1' });
  await vi.waitFor(() => expect(triesOf(id).map(({ cancelled }) => cancelled)).toEqual([true, false]), 5000);
  const [first, second] = triesOf(id);
  expect([second.pod, first.pod === answer]).toEqual([answer, false]);
  expect([String(first.body), String(second.body)]).toEqual(['hello', 'hello']);
  await expect(echoed({ 'x-slow': 'never, first' })).rejects.toThrow('DEADLINE_EXCEEDED');
  expect(await counted('wins', 'calls', 'grpc')).toBeGreaterThan(0);
}, 40_000);
