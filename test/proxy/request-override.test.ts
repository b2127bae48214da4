import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { tapLine } from '../../cli/tap/render.ts';
import { Authorizer, allowed, denied } from './authorizer.ts';
import { tap, tapIdentity } from './tap-client.ts';
import { TestMesh } from './test-mesh.ts';

/**
 * client → front → middle → deep: a request asks for another version of the last of them, which its client does not call.
 * Applications pass on what the request says they do.
 */
let mesh: TestMesh;
const authorizer = new Authorizer();
interface Seen {
  readonly who: string;
  readonly headers: IncomingHttpHeaders;
}
let seen: Seen[] = [];
/** What the next requests at the end of the chain are answered; then 200. */
let answers: number[] = [];

const deep = (to: string | undefined) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: 'inner',
    namespace: 'test',
    annotations: { 'retry.linkerd.io/http': '503', ...(to === undefined ? {} : { 'override.tulle.dev/to': to }) },
  },
  spec: { selector: { app: 'deep' }, ports: [{ name: 'http', port: 8080 }] },
});
const next: Readonly<Record<string, string>> = { front: 'middle.test:8080', middle: 'inner.test:8080' };

beforeAll(async () => {
  const names = ['front', 'middle', 'deep', 'deep-v2', 'deep-v3'];
  mesh = await TestMesh.start(
    [{ name: 'client' }, { name: 'authorizer', ports: [9191] }, ...names.map((name) => ({ name, ports: [8080] }))],
    [deep('deep-v2')],
  );
  for (const who of names) {
    const server = createServer((asked, response) => {
      asked.resume();
      const { headers } = asked;
      seen.push({ who, headers });
      const to = next[who];
      if (to === undefined) {
        response.writeHead(answers.shift() ?? 200).end(who);
        return;
      }
      const passed = String(headers['x-pass'] ?? '').split(' ');
      const own = passed.flatMap((name) =>
        headers[name] === undefined ? [] : [[name, String(headers[name])] as const],
      );
      send(mesh.ip(who), 4140, { ...Object.fromEntries(own), 'x-pass': passed.join(' '), host: to }).then(
        ({ status, body }) => response.writeHead(status ?? 500).end(body),
        () => response.writeHead(500).end(),
      );
    });
    await mesh.serve(who, 8080, server);
  }
  await authorizer.listen(mesh.ip('authorizer'), 9191);
  await mesh.ready();
  await vi.waitFor(async () => {
    expect((await ask({ baggage: 'tulle-override=inner.test:deep-v2', 'x-pass': 'baggage' })).body).toBe('deep-v2');
  }, 10_000);
}, 60_000);
afterAll(async () => {
  authorizer.stop();
  await mesh.stop();
});
beforeEach(() => {
  seen = [];
  answers = [];
});

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}
const send = (host: string, port: number, headers: Record<string, string | string[]>): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request({ host, port, headers, agent: false, timeout: 5000 });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', reject).on('response', (response) => {
      let body = '';
      response.setEncoding('latin1').on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body })).on('error', reject);
    });
    sent.end();
  });

let traces = 0;
const traceparent = (): string => `00-${String(++traces).padStart(32, '0')}-00f067aa0ba902b7-01`;
/** As a workload of the mesh asks, and as somebody else does. */
const ask = (headers: Record<string, string | string[]>): Promise<Answer> =>
  send(mesh.ip('client'), 4140, { host: 'front.test:8080', ...headers });
const askFromOutside = (headers: Record<string, string | string[]>): Promise<Answer> =>
  send(mesh.ip('front'), 4143, { host: 'front', ...headers });
const asking = (to: string) => ({ baggage: `tulle-override=inner.test:${to}` });
const atTheEnd = (): Seen => seen.at(-1)!;
const counted = (decision: string) =>
  mesh.metric('middle', 'outbound_http_override_requests_total', `decision="${decision}"`, 'parent_name="inner"');

it('holds for the last of three services, though applications pass on no more than traceparent', async () => {
  const before = await counted('allowed');
  expect(await ask({ ...asking('deep-v2'), traceparent: traceparent(), 'x-pass': 'traceparent' })).toEqual({
    status: 200,
    body: 'deep-v2',
  });
  expect(seen.map(({ who }) => who)).toEqual(['front', 'middle', 'deep-v2']);
  expect(atTheEnd().headers['baggage']).toBe('tulle-override=inner.test:deep-v2');
  expect(await counted('allowed')).toBe(before + 1);
});

it('holds where applications pass on baggage, also in the way that OpenTelemetry writes it', async () => {
  const written = { baggage: 'user=1,tulle-override=inner.test%3Adeep-v2;p=1', 'x-pass': 'baggage' };
  expect((await ask(written)).body).toBe('deep-v2');
  expect(atTheEnd().headers['baggage']).toBe(written.baggage);
});

it('is of the one trace: others go where they went, also while it is known', async () => {
  const mine = { ...asking('deep-v2'), traceparent: traceparent(), 'x-pass': 'traceparent' };
  const answered = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      ask(i % 2 === 0 ? mine : { traceparent: traceparent(), 'x-pass': 'traceparent' }),
    ),
  );
  expect(answered.map(({ body }) => body)).toEqual(answered.map((_, i) => (i % 2 === 0 ? 'deep-v2' : 'deep')));
  expect(seen.filter(({ who, headers }) => who === 'deep' && 'baggage' in headers)).toEqual([]);
});

it('ends where an application passes on neither', async () => {
  expect((await ask({ ...asking('deep-v2'), traceparent: traceparent(), 'x-pass': '' })).body).toBe('deep');
});

it('is tried again as the Service says that was called', async () => {
  answers = [503];
  expect((await ask({ ...asking('deep-v2'), 'x-pass': 'baggage' })).status).toBe(200);
  expect(seen.map(({ who }) => who)).toEqual(['front', 'middle', 'deep-v2', 'deep-v2']);
});

it('is seen by who taps the sidecar that sent it elsewhere, in each event, and of no other request', async () => {
  const all = { match: { match: { case: 'all' as const, value: {} } }, limit: 2 };
  const tapped = tap(mesh, 'middle', all, mesh.issue(tapIdentity));
  onTestFinished(() => tapped.cancel());
  await vi.waitFor(() => expect(tapped.begun).toBe(true));
  // What comes in is a request, too, and what goes out for it the second.
  expect((await ask({ ...asking('deep-v2'), 'x-pass': 'baggage' })).body).toBe('deep-v2');
  await vi.waitFor(() => expect(tapped.ended?.[0]).toBe(0));
  const lines = tapped.events.map((event) => tapLine(event, 'deployment'));
  const out = lines.filter((line) => line.includes('proxy=out'));
  expect(out.map((line) => line.slice(0, 3))).toEqual(['req', 'rsp', 'end']);
  for (const line of out) expect(line).toContain(' rt_override=deep-v2.test');
  expect(lines.filter((line) => line.includes('proxy=in ') && line.includes('override'))).toEqual([]);
});

it('is counted among the tries at the Service that had it, of the route that it was taken out of', async () => {
  const tries = (name: string) =>
    mesh.metric(
      'middle',
      'outbound_http_route_backend_requests_total',
      'parent_name="inner"',
      'route_kind="default"',
      `backend_name="${name}"`,
      'backend_port="8080"',
    );
  const before = await Promise.all([tries('inner'), tries('deep-v2')]);
  answers = [503];
  expect((await ask({ ...asking('deep-v2'), 'x-pass': 'baggage' })).status).toBe(200);
  expect(await Promise.all([tries('inner'), tries('deep-v2')])).toEqual([before[0], before[1] + 2]);
  expect((await ask({ 'x-pass': 'baggage' })).status).toBe(200);
  expect(await Promise.all([tries('inner'), tries('deep-v2')])).toEqual([before[0] + 1, before[1] + 2]);
});

it('is ignored, and counted, where the Service does not name what is asked for', async () => {
  const before = await counted('not_allowed');
  for (const to of ['deep-v3', 'nowhere', 'deep-v2.other']) {
    expect((await ask({ ...asking(to), 'x-pass': 'baggage' })).body).toBe('deep');
  }
  expect(await counted('not_allowed')).toBe(before + 3);
  // One that says nothing of it allows nothing.
  const of = { baggage: 'tulle-override=middle.test:deep-v2', 'x-pass': 'baggage' };
  expect((await ask(of)).body).toBe('deep');
  expect(seen.map(({ who }) => who).slice(-3)).toEqual(['front', 'middle', 'deep']);
});

it.each([
  ['the key', 'tulle-override=inner.test:deep-v2'],
  ['an escaped key, which some SDKs write anew', 'tulle%2Doverride=inner.test:deep-v2'],
])('is taken from nobody outside of the mesh, by %s, and the rest of their baggage goes on', async (_by, member) => {
  const headers = { traceparent: traceparent(), 'x-pass': 'traceparent baggage' };
  const { status, body } = await askFromOutside({ ...headers, baggage: `user=1,${member},b=2` });
  expect([status, body]).toEqual([200, 'deep']);
  expect(seen.map(({ headers: { baggage } }) => baggage)).toEqual(['user=1,b=2', 'user=1,b=2', 'user=1,b=2']);
});

it.each<[string, string | string[]]>([
  ['8 KB of members', `${'k=v,'.repeat(2040)}a=b`],
  ['more than baggage may have', `${'k=v,'.repeat(2500)}tulle-override=inner.test:deep-v2`],
  ['8 KB in the member itself', `tulle-override=${'inner.test:deep-v2/'.repeat(430)}`],
  ['garbage', 'tulle-override=%%%;;;=,,,=\t"\\'],
  ['escapes of no text', 'tulle-override=inner.test:%ff%fe'],
  ['names of objects', 'tulle-override=constructor.prototype:__proto__'],
  ['a path', 'tulle-override=inner.test:..%2f..%2fdeep-v2'],
  ['a first member that is wrong', 'tulle-override=garbage,tulle-override=inner.test:deep-v2'],
  ['several fields', ['tulle-override=inner.test:deep-v3', 'tulle-override=inner.test:deep-v2']],
])('of %s does nothing', async (_what, baggage) => {
  const { status, body } = await ask({ baggage, traceparent: traceparent(), 'x-pass': 'traceparent baggage' });
  expect([status, body]).toEqual([200, 'deep']);
});

it('is not remembered of a request that an authorizer refuses', async () => {
  const meta = (name: string) => ({ name, namespace: 'test' });
  const group = 'policy.linkerd.io';
  const spec = { podSelector: { matchLabels: { app: 'middle' } }, port: 8080, accessPolicy: 'all-unauthenticated' };
  mesh.apply(
    deep('deep-v2'),
    { apiVersion: `${group}/v1beta3`, kind: 'Server', metadata: meta('middle'), spec },
    {
      apiVersion: 'tulle.dev/v1alpha1',
      kind: 'ExternalAuthorization',
      metadata: meta('middle'),
      spec: {
        targetRef: { group, kind: 'Server', name: 'middle' },
        backendRef: { name: 'authorizer', port: 9191 },
        timeout: '2s',
      },
    },
  );
  authorizer.decide = ({ request: told }) => (told?.http?.headers['baggage'] === undefined ? allowed() : denied());
  const toMiddle = (headers: Record<string, string>): Promise<Answer> =>
    send(mesh.ip('client'), 4140, { host: 'middle.test:8080', 'x-pass': 'traceparent', ...headers });
  const mine = { traceparent: traceparent() };
  await vi.waitFor(async () => {
    expect((await toMiddle({ ...asking('deep-v2'), traceparent: traceparent() })).status).toBe(403);
  }, 8000);
  expect((await toMiddle({ ...asking('deep-v2'), ...mine })).status).toBe(403);
  expect(await toMiddle(mine)).toEqual({ status: 200, body: 'deep' });
  authorizer.decide = () => allowed();
  expect(await toMiddle({ ...asking('deep-v2'), ...mine })).toEqual({ status: 200, body: 'deep-v2' });
  mesh.apply(deep('deep-v2'));
  await vi.waitFor(async () => {
    authorizer.reset();
    await toMiddle({});
    expect(authorizer.asked).toEqual([]);
  }, 8000);
});

it('is as the Service says now', async () => {
  const v3 = { ...asking('deep-v3'), 'x-pass': 'baggage' };
  mesh.apply(deep('deep-v3'));
  await vi.waitFor(async () => expect((await ask(v3)).body).toBe('deep-v3'), 10_000);
  expect((await ask({ ...asking('deep-v2'), 'x-pass': 'baggage' })).body).toBe('deep');
  mesh.apply(deep(undefined));
  await vi.waitFor(async () => expect((await ask(v3)).body).toBe('deep'), 10_000);
});
