import { createServer as createHttp1, request } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2 } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server as TcpServer } from 'node:net';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type HttpRoute_FilterSchema, InboundServerPolicies, ServerSchema } from '../../api/gen/inbound_pb.js';
import { grpcHandlers, grpcService } from '../../api/grpc.ts';
import { LoneProxy } from './lone-proxy.ts';

/** Filters of inbound routes, as a control plane of the test's own serves them: a real proxy, real clients. */
let control: Server;
let app: TcpServer;
const servers: { close(): void }[] = [];
let proxy: LoneProxy;

type FilterInit = MessageInitShape<typeof HttpRoute_FilterSchema>;
const bytes = (text: string) => new TextEncoder().encode(text);
const header = (name: string, value: string) => ({ headers: [{ name, value: bytes(value) }] });
const prefixTo = (value: string) => ({ replace: { case: 'prefix' as const, value } });

const cors: FilterInit['kind'] = {
  case: 'cors',
  value: { allowOrigins: ['https://*.a.org'], allowMethods: ['PUT'], maxAgeSeconds: 60 },
};
/** Whose requests need tokens of end users. */
const forUsers: ReadonlySet<string> = new Set(['/users', '/users/late']);

/** By the path prefix that each is for. */
const filters: Record<string, FilterInit['kind'][]> = {
  '/redirect': [{ case: 'redirect', value: { host: 'x.org', path: prefixTo('/to'), status: 302 } }],
  '/headers': [
    {
      case: 'requestHeaderModifier',
      value: { add: header('x-add', '2'), set: header('x-set', 'ours'), remove: ['x-remove'] },
    },
    { case: 'responseHeaderModifier', value: { set: header('x-back', 'ours'), remove: ['x-app'] } },
  ],
  '/rewrite': [{ case: 'urlRewrite', value: { host: 'inside.org', path: prefixTo('/written') } }],
  '/fail': [
    {
      case: 'failureInjector',
      value: { status: 503, message: 'so it is told', ratio: { numerator: 1, denominator: 2 } },
    },
  ],
  '/test.Fails': [{ case: 'failureInjector', value: { status: 503, message: 'so it is told' } }],
  '/cors': [cors],
  '/users': [cors],
  '/users/late': [{ case: 'requestHeaderModifier', value: { remove: ['origin'] } }, cors],
  '/delay': [{ case: 'delay', value: { duration: durationFromMs(300) } }],
  '/unknown': [{ case: undefined }],
  '/': [],
};
const everywhere = [0, 1].map((version) => ({
  net:
    version === 0
      ? { ip: { ip: { case: 'ipv4' as const, value: 0 } }, prefixLen: 0 }
      : { ip: { ip: { case: 'ipv6' as const, value: {} } }, prefixLen: 0 },
}));
const policy = create(ServerSchema, {
  authorizations: [
    {
      networks: everywhere,
      authentication: { permit: { case: 'unauthenticated', value: {} } },
      labels: { name: 'all' },
    },
  ],
  protocol: {
    kind: {
      case: 'detect',
      value: {
        httpRoutes: Object.entries(filters).map(([prefix, kinds]) => ({
          metadata: { kind: { case: 'resource' as const, value: { group: 'g', kind: 'HTTPRoute', name: prefix } } },
          requestAuthentications: forUsers.has(prefix) ? [{}] : [],
          rules: [
            {
              matches: [{ path: { kind: { case: 'prefix' as const, value: prefix } } }],
              filters: kinds.map((kind) => ({ kind })),
            },
          ],
        })),
      },
    },
  },
});

beforeAll(async () => {
  const echo = (
    asked: { method?: string; url?: string; headers: object },
    response: { end(text: string): void; setHeader(name: string, value: string): void },
  ) => {
    response.setHeader('x-app', 'said');
    response.end(JSON.stringify({ method: asked.method, url: asked.url, headers: asked.headers }));
  };
  const http1 = createHttp1(echo);
  const http2 = createHttp2(echo);
  app = createServer((socket) => {
    socket.once('data', (chunk) => {
      const server = chunk.toString('latin1').startsWith('PRI ') ? http2 : http1;
      const inside = connect((server.address() as AddressInfo).port, '127.0.0.1');
      for (const each of [socket, inside]) each.on('error', () => {});
      inside.write(chunk);
      socket.pipe(inside).pipe(socket);
    });
  });
  for (const server of [http1, http2, app])
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(http1, http2, app);
  control = new Server();
  control.addService(
    grpcService(InboundServerPolicies),
    grpcHandlers(InboundServerPolicies, {
      getPort: (_call, reply) => reply(null, policy),
      watchPort: (call) => void call.write(policy),
    }),
  );
  const controlPort = await new Promise<number>((resolve, reject) =>
    control.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  proxy = await LoneProxy.start((app.address() as AddressInfo).port, {
    LINKERD2_PROXY_POLICY_SVC_ADDR: `127.0.0.1:${controlPort}`,
    LINKERD2_PROXY_POLICY_WORKLOAD: '{"ns":"test","pod":"server"}',
  });
  await vi.waitFor(async () => expect((await ask('http1', '/unknown')).status).toBe(500), { timeout: 10_000 });
}, 30_000);

afterAll(async () => {
  await proxy.stop();
  control.forceShutdown();
  for (const server of servers) server.close();
});

interface Answer {
  status: number | undefined;
  headers: NodeJS.Dict<string | string[]>;
  body: string;
  /** What the application got. */
  readonly seen: { method: string; url: string; headers: Record<string, string> };
}
const answerOf = (status: number | undefined, headers: Answer['headers'], body: string): Answer => ({
  status,
  headers,
  body,
  get seen() {
    return JSON.parse(body);
  },
});

type Version = 'http1' | 'http2';
const ask = (version: Version, path: string, headers: Record<string, string> = {}, method = 'GET', body = '') =>
  (version === 'http1' ? askHttp1 : askHttp2)(path, headers, method, body);

function askHttp1(path: string, headers: Record<string, string>, method: string, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { port: proxy.inbound, host: '127.0.0.1', path, method, headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve(answerOf(response.statusCode, response.headers, text)));
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

function askHttp2(path: string, headers: Record<string, string>, method: string, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${proxy.inbound}`);
    session.on('error', reject);
    const asked = session.request({ ':path': path, ':method': method, ...headers }, { endStream: body === '' });
    let text = '';
    let head: Answer['headers'] = {};
    asked.on('response', (fields) => {
      head = fields as Answer['headers'];
    });
    asked.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    asked.on('end', () => {
      session.close();
      resolve(answerOf(Number(head[':status']), head, text));
    });
    asked.on('error', reject);
    if (body !== '') asked.end(body);
  });
}

async function metric(name: string, ...labels: string[]): Promise<number> {
  const page = await fetch(`http://127.0.0.1:${proxy.admin}/metrics`).then((response) => response.text());
  return page
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

describe.each<Version>(['http1', 'http2'])('%s', (version) => {
  it('is redirected, by the prefix that its route matched', async () => {
    const before = await metric('response_total', 'route_name="/redirect"', 'status_code="302"');
    const { status, headers } = await ask(version, '/redirect/a/b?c=d', {}, 'POST', 'a body that nobody wants');
    expect([status, headers['location']]).toEqual([302, `http://x.org:${proxy.inbound}/to/a/b?c=d`]);
    await vi.waitFor(async () =>
      expect(await metric('response_total', 'route_name="/redirect"', 'status_code="302"')).toBe(before + 1),
    );
  });

  it('has its headers changed both ways', async () => {
    const { headers, seen } = await ask(version, '/headers', { 'x-add': '1', 'x-set': 'theirs', 'x-remove': 'x' });
    expect(seen.headers).toMatchObject({ 'x-add': '1, 2', 'x-set': 'ours' });
    expect(seen.headers).not.toHaveProperty('x-remove');
    expect(headers['x-back']).toBe('ours');
    expect(headers).not.toHaveProperty('x-app');
  });

  it('goes on under another host and path', async () => {
    const { seen } = await ask(version, '/rewrite/a?b=/rewrite');
    expect([seen.url, seen.headers['host'] ?? seen.headers[':authority']]).toEqual([
      '/written/a?b=/rewrite',
      'inside.org',
    ]);
  });

  it('fails for the share that is to fail, and is counted so', async () => {
    const before = await metric('inbound_http_errors_total', 'error="injected"');
    const statuses: (number | undefined)[] = [];
    for (let i = 0; i < 60; i++) statuses.push((await ask(version, '/fail')).status);
    const failed = statuses.filter((status) => status === 503).length;
    expect(statuses.filter((status) => status === 200)).toHaveLength(60 - failed);
    // It would be missed once in 10^7 runs.
    expect(failed).toBeGreaterThan(10);
    expect(failed).toBeLessThan(50);
    expect(await metric('inbound_http_errors_total', 'error="injected"')).toBe(before + failed);
  });

  it('is answered a preflight, and permitted the request itself', async () => {
    const origin = { origin: 'https://web.a.org' };
    const preflight = await ask(version, '/cors', { ...origin, 'access-control-request-method': 'PUT' }, 'OPTIONS');
    expect(preflight).toMatchObject({ status: 200, body: '' });
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://web.a.org',
      'access-control-allow-methods': 'PUT',
      'access-control-max-age': '60',
    });
    const permitted = await ask(version, '/cors', origin);
    expect(permitted.seen.method).toBe('GET');
    expect(permitted.headers['access-control-allow-origin']).toBe('https://web.a.org');
    const other = await ask(version, '/cors', { origin: 'https://b.org' });
    expect(other.status).toBe(200);
    expect(other.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('is answered a preflight without a token where all else needs one', async () => {
    const headers = { origin: 'https://web.a.org', 'access-control-request-method': 'PUT' };
    const preflight = await ask(version, '/users', headers, 'OPTIONS');
    expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([200, headers.origin]);
    expect((await ask(version, '/users', headers, 'GET')).status).toBe(401);
    expect((await ask(version, '/users', {}, 'OPTIONS')).status).toBe(401);
    // What another filter makes of it may go on to the application.
    expect((await ask(version, '/users/late', headers, 'OPTIONS')).status).toBe(401);
  });

  it('is delayed, its body with it', async () => {
    const startMs = performance.now();
    const { status } = await ask(version, '/delay', {}, 'POST', 'x'.repeat(100_000));
    expect(status).toBe(200);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(295);
  });

  it('fails where a filter is not known, as if it were shut', async () => {
    expect((await ask(version, '/unknown')).status).toBe(500);
    expect(await metric('inbound_http_errors_total', 'error="unsupported filter"')).toBeGreaterThan(0);
  });
});

it('a filter that is not known is told of once', () => {
  const { port } = app.address() as AddressInfo;
  const told = proxy.log
    .split('\n')
    .filter((line) => line.includes(`port=${port} `) && line.includes('a filter of a kind that is not known'));
  expect(told).toHaveLength(1);
  expect(told[0]).toContain('HTTPRoute//unknown');
});

it('a client of gRPC gets the status that a failure is to it, and its message', async () => {
  const client = new Client(`127.0.0.1:${proxy.inbound}`, credentials.createInsecure());
  const failure = await new Promise<{ code?: number; details?: string } | null>((resolve) => {
    client.makeUnaryRequest(
      '/test.Fails/Call',
      (value: Buffer) => value,
      (value) => value,
      Buffer.alloc(3),
      resolve,
    );
  });
  client.close();
  expect([failure?.code, failure?.details]).toEqual([9, 'so it is told']);
});

it('a client that goes away while it is delayed leaves nothing behind', async () => {
  const gone = request({ port: proxy.inbound, host: '127.0.0.1', path: '/delay', agent: false });
  gone.on('error', () => {});
  gone.end();
  const armed = () => fetch(`http://127.0.0.1:${proxy.admin}/metrics`).then((response) => response.text());
  await vi.waitFor(async () => expect(await armed()).toMatch(/^inbound_http_requests_in_flight 1$/m), { interval: 5 });
  gone.destroy();
  await vi.waitFor(async () => expect(await armed()).toMatch(/^inbound_http_requests_in_flight 0$/m), { interval: 5 });
  await vi.waitFor(async () => expect(await armed()).toMatch(/^proxy_deadlines_armed 0$/m));
  expect(proxy.errors()).toBe('');
});
