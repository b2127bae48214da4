import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { TestMesh } from './test-mesh.ts';

/** Requests that ask for retries and timeouts of their own, of a Service that lets them and of one that does not. */
let mesh: TestMesh;
let seen: IncomingHttpHeaders[];
/** What the next requests are answered; then 200. Undefined is no answer at all. */
let answers: (number | undefined)[];

beforeAll(async () => {
  mesh = await TestMesh.start([
    { name: 'client' },
    { name: 'open', ports: [8080], annotations: { 'policy.tulle.dev/allow-l5d-request-headers': 'true' } },
    { name: 'shut', ports: [8080], annotations: { 'policy.tulle.dev/allow-l5d-request-headers': 'false' } },
  ]);
  for (const name of ['open', 'shut']) {
    const server = createServer((asked, response) => {
      seen.push(asked.headers);
      asked.resume();
      const status = answers.length > 0 ? answers.shift() : 200;
      if (status !== undefined) response.writeHead(status).end(name);
    });
    await mesh.serve(name, 8080, server);
  }
  await mesh.ready();
}, 60_000);
afterAll(() => mesh.stop());
beforeEach(() => {
  seen = [];
  answers = [];
});

const call = (to: string, headers: Record<string, string>): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const asked = request({
      host: mesh.ip('client'),
      port: 4140,
      headers: { host: `${to}.test:8080`, ...headers },
      agent: false,
      timeout: 5000,
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject).on('response', (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    });
    asked.end();
  });
const ofMesh = (): string[] =>
  seen.flatMap((headers) => Object.keys(headers).filter((name) => /^l5d.retry/.test(name)));

const retried = { 'l5d-retry-http': '503', 'l5d-retry-limit': '2' };

it('are tried again as they ask, and the fields in which they do reach no application', async () => {
  answers = [503, 503];
  expect(await call('open', { ...retried, l5d_retry_limit: '9' })).toBe(200);
  expect(seen).toHaveLength(3);
  expect(ofMesh()).toEqual([]);
  answers = [503, 503, 503];
  expect(await call('open', retried)).toBe(503);
  answers = [502];
  expect(await call('open', retried)).toBe(502);
});

it('are tried once where the Service does not let them, and the fields reach no application all the same', async () => {
  answers = [503];
  expect(await call('shut', retried)).toBe(503);
  expect(seen).toHaveLength(1);
  expect(ofMesh()).toEqual([]);
});

it.each(['l5d-timeout', 'l5d-request-timeout', 'l5d-response-timeout'])('end when %s is over', async (name) => {
  answers = [undefined];
  expect(await call('open', { [name]: '200ms' })).toBe(504);
  expect(seen[0]).not.toHaveProperty(name);
});

it('ask for a limit of each try, of which another follows', async () => {
  answers = [undefined];
  expect(await call('open', { 'l5d-retry-timeout': '100ms' })).toBe(200);
  expect(seen).toHaveLength(2);
});

it('ask for what cannot be read in vain', async () => {
  answers = [503];
  const headers = { 'l5d-retry-limit': '-1', 'l5d-retry-http': 'sometimes', 'l5d-timeout': 'soon' };
  expect(await call('open', headers)).toBe(503);
  expect(await call('open', { 'l5d-timeout': '9'.repeat(4000) })).toBe(200);
  expect(seen).toHaveLength(2);
});
