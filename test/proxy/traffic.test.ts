import { createServer, request } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** Routes, splits, deadlines and retries of what a workload calls, as its sidecar keeps to them. */
let mesh: TestMesh;
/** Requests by workload, and bodies that they came with. */
let seen: { who: string; path: string; body: string; canary: string | undefined }[];
/** What the next requests to a path are answered; then 200. */
const answers = new Map<string, number[]>();

/** The workload that fails everything. */
let broken = '';

const route = (name: string, rules: object[], annotations: Record<string, string> = {}) => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name, namespace: 'test', annotations, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { parentRefs: [{ group: '', kind: 'Service', name: 'web', port: 8080 }], rules },
});
const to = (name: string, weight = 1) => ({ name, port: 8080, weight });

beforeAll(async () => {
  mesh = await TestMesh.start([
    { name: 'client' },
    ...['web', 'canary'].map((name) => ({ name, ports: [8080], labels: { tier: 'shop' } })),
  ]);
  for (const who of ['web', 'canary']) {
    const server = createServer((asked, response) => {
      let body = '';
      asked.setEncoding('latin1').on('data', (chunk) => {
        body += chunk;
      });
      asked.on('end', () => {
        const path = asked.url ?? '/';
        seen.push({ who, path, body, canary: asked.headers['x-canary'] as string | undefined });
        const status = answers.get(path)?.shift() ?? (who === broken ? 503 : 200);
        if (path.startsWith('/hang')) return;
        response.writeHead(status, { 'content-type': 'text/plain' }).end(status === 200 ? who : 'x'.repeat(3000));
      });
    });
    await mesh.serve(who, 8080, server);
  }
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());
beforeEach(() => {
  seen = [];
  answers.clear();
  broken = '';
});

interface Answer {
  status: number | undefined;
  body: string;
  error: string | undefined;
  location: string | undefined;
  canary: string | undefined;
}
const call = (path: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request({
      host: mesh.ip('client'),
      port: 4140,
      path,
      method: body === '' ? 'GET' : 'POST',
      headers: { host: 'web.test:8080', ...headers },
      agent: false,
    });
    // A rule may not have come yet.
    asked.setTimeout(1500, () => asked.destroy(new Error('no answer')));
    asked.on('error', reject).on('response', (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (chunk) => {
        text += chunk;
      });
      const { location, 'l5d-proxy-error': error, 'x-canary': canary } = response.headers as Record<string, string>;
      const { statusCode: status } = response;
      response.on('end', () => resolve({ status, body: text, error, location, canary })).on('error', reject);
    });
    asked.end(body);
  });
const whoAnswers = async (path = '/', headers = {}): Promise<string> => (await call(path, headers)).body;
const until = (check: () => Promise<void>, before: () => Promise<unknown> = async () => {}) =>
  vi.waitFor(
    async () => {
      await before();
      await check();
    },
    { timeout: 10_000, interval: 50 },
  );

it('the most specific rule has a request, by path and header, and what fits none is not found', async () => {
  mesh.apply(
    route('by-header', [
      {
        matches: [{ path: { value: '/shop' }, headers: [{ name: 'x-canary', value: '1' }] }],
        backendRefs: [to('canary')],
      },
      { matches: [{ path: { value: '/shop' } }], backendRefs: [to('web')] },
    ]),
  );
  await until(async () => expect(await whoAnswers('/shop/a', { 'x-canary': '1' })).toBe('canary'));
  expect(await whoAnswers('/shop/a')).toBe('web');
  expect(await whoAnswers('/shop', { 'x-canary': '2' })).toBe('web');
  expect(await call('/shopping')).toMatchObject({ status: 404, error: expect.stringContaining('no route') });
});

it('shares come out as the weights say, and a backend that is not there fails its own share alone', async () => {
  mesh.apply(route('split', [{ backendRefs: [to('web', 8), to('canary', 2)] }]));
  await until(async () => {
    seen = [];
    for (let i = 0; i < 50; i++) await call('/');
    const canaries = seen.filter(({ who }) => who === 'canary').length;
    expect(canaries).toBeGreaterThanOrEqual(9);
    expect(canaries).toBeLessThanOrEqual(11);
  });
  mesh.apply(route('split', [{ backendRefs: [to('web', 3), to('nowhere', 1)] }]));
  await until(async () => {
    const statuses = [];
    for (let i = 0; i < 20; i++) statuses.push((await call('/')).status);
    expect(statuses.filter((status) => status === 500)).toHaveLength(5);
    expect(statuses.filter((status) => status === 200)).toHaveLength(15);
  });
});

it('filters of a rule change what it sends and gets, or answer it, and those of a backend what goes there alone', async () => {
  const header = (type: string, value: string) => ({
    type: `${type}HeaderModifier`,
    [`${type[0].toLowerCase()}${type.slice(1)}HeaderModifier`]: { set: [{ name: 'x-canary', value }] },
  });
  const moved = {
    type: 'RequestRedirect',
    requestRedirect: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' } },
  };
  mesh.apply(
    route('filtered', [
      { matches: [{ path: { value: '/old' } }], filters: [moved] },
      {
        filters: [header('Request', 'rule'), header('Response', 'answered')],
        backendRefs: [
          { ...to('web'), filters: [header('Request', 'backend')] },
          { ...to('canary'), weight: 0 },
        ],
      },
    ]),
  );
  await until(async () =>
    expect(await call('/old/a?b')).toMatchObject({ status: 302, location: 'http://web.test:8080/new/a?b' }),
  );
  expect(await call('/x')).toMatchObject({ status: 200, canary: 'answered' });
  expect(seen.at(-1)).toMatchObject({ canary: 'backend' });
});

it('an endpoint that keeps failing is left out, and asked again later', async () => {
  const failing = {
    'balancer.linkerd.io/failure-accrual': 'consecutive',
    'balancer.linkerd.io/failure-accrual-consecutive-max-failures': '3',
  };
  mesh.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'both', namespace: 'test', annotations: failing },
    spec: { selector: { tier: 'shop' }, ports: [{ name: 'p', port: 8080 }] },
  });
  const path = '/breaker';
  await until(async () => expect((await call(path, { host: 'both.test:8080' })).status).toBe(200));
  broken = 'canary';
  await until(
    async () => {
      expect(await mesh.metric('client', 'outbound_http_balancer_ejected_endpoints')).toBe(1);
    },
    () => call(path, { host: 'both.test:8080' }),
  );
  seen = [];
  for (let i = 0; i < 20; i++) await call(path, { host: 'both.test:8080' });
  // One in a second at most finds out whether it has recovered.
  expect(seen.filter(({ who }) => who === 'canary').length).toBeLessThanOrEqual(3);
  broken = '';
  await until(async () => {
    expect(await whoAnswers(path, { host: 'both.test:8080' })).toBe('canary');
  });
  expect(await mesh.metric('client', 'outbound_http_balancer_ejections_total')).toBeGreaterThan(0);
});

it('a mirror gets a copy of each request with its body, and its answers go nowhere', async () => {
  const mirror = { type: 'RequestMirror', requestMirror: { backendRef: to('canary') } };
  mesh.apply(route('mirrored', [{ filters: [mirror], backendRefs: [to('web')] }]));
  broken = 'canary';
  await until(async () => {
    seen = [];
    expect((await call('/mirrored', {}, 'a body')).body).toBe('web');
    await vi.waitFor(() => expect(seen.map(({ who }) => who).sort()).toEqual(['canary', 'web']), 500);
  });
  expect(seen.map(({ body }) => body)).toEqual(['a body', 'a body']);
  await until(async () => {
    expect(
      await mesh.metric('client', 'outbound_http_route_mirror_copies_total', 'outcome="answered"'),
    ).toBeGreaterThan(0);
  });
});

it('a rule that is taken back is forgotten, and all goes to the service itself again', async () => {
  mesh.apply(route('all', [{ backendRefs: [to('canary')] }]));
  await until(async () => expect(await whoAnswers()).toBe('canary'));
  mesh.apply();
  await until(async () => expect(await whoAnswers()).toBe('web'));
});

it('a request that fails is tried again, with all of its body, as often as its route lets it', async () => {
  mesh.apply(
    route('retried', [{ backendRefs: [to('web')] }], { 'retry.linkerd.io/http': '503', 'retry.linkerd.io/limit': '2' }),
  );
  const body = 'b'.repeat(20_000);
  await until(async () => {
    seen = [];
    answers.set('/once', [503, 503]);
    expect(await call('/once', {}, body)).toMatchObject({ status: 200, body: 'web', error: undefined });
  });
  expect(seen.map(({ body: sent }) => sent === body)).toEqual([true, true, true]);
  answers.set('/thrice', [503, 503, 503]);
  expect((await call('/thrice')).status).toBe(503);
  answers.set('/other', [502]);
  expect((await call('/other')).status).toBe(502);
  expect(await mesh.metric('client', 'outbound_http_route_retry_successes_total')).toBeGreaterThan(0);
  expect(await mesh.metric('client', 'outbound_http_route_retry_limit_exceeded_total')).toBe(1);
});

it('a request that takes longer than its route lets it is answered 504, and so is each of its tries', async () => {
  mesh.apply(route('timed', [{ backendRefs: [to('web')], timeouts: { request: '300ms' } }]));
  await until(async () => {
    expect(await call('/hang')).toMatchObject({ status: 504, error: expect.stringContaining('longer than its route') });
  });
  mesh.apply(route('timed', [{ backendRefs: [to('web')], timeouts: { request: '5s', backendRequest: '200ms' } }]));
  await until(async () => {
    expect(await call('/hang')).toMatchObject({
      status: 504,
      error: expect.stringContaining('the endpoint took longer'),
    });
  });
  mesh.apply(
    route('timed', [{ backendRefs: [to('web')] }], {
      'retry.linkerd.io/http': '5xx',
      'retry.linkerd.io/timeout': '100ms',
    }),
  );
  await until(async () => {
    seen = [];
    expect((await call('/hang')).status).toBe(504);
    expect(seen).toHaveLength(2);
  });
});

const profile = (spec: object) => ({
  apiVersion: 'linkerd.io/v1alpha2',
  kind: 'ServiceProfile',
  metadata: { name: 'web.test.svc.cluster.local', namespace: 'test' },
  spec,
});

it('a profile says which routes are tried again, within its budget, and how long they may take', async () => {
  const routes = [
    { name: 'again', condition: { pathRegex: '/again' }, isRetryable: true },
    { name: 'once', condition: { pathRegex: '/once' } },
    { name: 'short', condition: { pathRegex: '/hang' }, timeout: '200ms' },
  ];
  mesh.apply(profile({ routes, retryBudget: { retryRatio: 0, minRetriesPerSecond: 1, ttl: '3s' } }));
  await until(async () => expect((await call('/hang')).status).toBe(504));
  answers.set('/again', [503, 503]);
  expect((await call('/again')).status).toBe(200);
  answers.set('/once', [503]);
  expect((await call('/once')).status).toBe(503);
  answers.set('/again', [503, 503, 503, 503]);
  expect((await call('/again')).status).toBe(503);
  expect(await mesh.metric('client', 'route_retryable_total', 'rt_route="again"', 'skipped="no_budget"')).toBe(1);
});

it('a profile that names other services has them share the requests', async () => {
  const at = (name: string) => `${name}.test.svc.cluster.local:8080`;
  mesh.apply(
    profile({
      dstOverrides: [
        { authority: at('web'), weight: '900m' },
        { authority: at('canary'), weight: '100m' },
      ],
    }),
  );
  await until(async () => {
    seen = [];
    for (let i = 0; i < 50; i++) await call('/');
    expect(Math.abs(seen.filter(({ who }) => who === 'canary').length - 5)).toBeLessThanOrEqual(1);
  });
});
