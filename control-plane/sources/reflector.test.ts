import { Readable } from 'node:stream';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ApiError } from '../kubernetes/api.ts';
import { KubernetesSource } from './kubernetes-source.ts';

/** What a real API server does not say on demand, said by a script: each list and each watch takes the next step. */
type Step = { readonly list: unknown } | { readonly watch: readonly unknown[] } | { readonly error: ApiError };

let steps: Step[];
let asked: string[];
let logged: Record<string, unknown>[];
let told: string[];
let registry: Registry;
let source: KubernetesSource;

beforeEach(() => {
  steps = [];
  asked = [];
  logged = [];
  told = [];
  registry = new Registry();
});
afterEach(() => source.close());

function next(what: string): Step {
  asked.push(what);
  const step = steps.shift();
  if (step === undefined) throw new ApiError(0, '', 'the script is over');
  if ('error' in step) throw step.error;
  return step;
}

function start(...script: Step[]): void {
  steps = script;
  source = new KubernetesSource({
    client: {
      get: async <T>(): Promise<T> => (next('list') as { list: T }).list,
      stream: async (_path, query) => {
        const { watch } = next(`watch from ${query['resourceVersion']}`) as { watch: readonly unknown[] };
        const lines = watch.map((event) => `${typeof event === 'string' ? event : JSON.stringify(event)}\n`);
        return Object.assign(Readable.from(lines.map((line) => Buffer.from(line))), { statusCode: 200, headers: {} });
      },
      close: () => {},
    },
    log: pino({ level: 'debug' }, { write: (line) => void logged.push(JSON.parse(line)) }),
    registry,
    now: Date.now,
    random: () => 0.5,
    times: { backOff: { firstMs: 1, maxMs: 5 } },
  });
  source.watch('Service', ({ type, object }) => told.push(`${type} ${object.metadata.name}`));
}

const service = (name: string, resourceVersion = '1', spec: unknown = {}) => ({
  metadata: { name, namespace: 'shop', resourceVersion },
  spec,
});
const list = (version: string, ...items: unknown[]): Step => ({
  list: { metadata: { resourceVersion: version }, items },
});
const status = (code: number, reason: string): unknown => ({
  type: 'ERROR',
  object: { kind: 'Status', code, reason, message: 'because' },
});
const restarts = async (): Promise<Record<string, number>> => {
  const metric = await registry.getSingleMetric('kubernetes_source_restarts_total')?.get();
  return Object.fromEntries(
    (metric?.values ?? [])
      .filter(({ labels }) => labels['reason'] !== 'network')
      .map(({ labels, value }) => [String(labels['reason']), value]),
  );
};

test('a malformed object is named once, keeps its last good state, and the others go on', async () => {
  start(
    list('5', service('a', '1', 'no object'), service('b')),
    {
      watch: [
        { type: 'MODIFIED', object: service('b', '6', { ports: ['x'] }) },
        { type: 'MODIFIED', object: { metadata: { resourceVersion: '7' } } },
        { type: 'ADDED', object: service('c', '8') },
        status(410, 'Expired'),
      ],
    },
    list('9', service('a', '1', 'no object'), service('b', '6', { ports: ['x'] }), service('c', '8')),
  );
  await vi.waitFor(() => expect(asked).toContain('watch from 9'));
  expect(told).toEqual(['added b', 'added c']);
  const errors = logged.filter(({ msg }) => msg === 'object cannot be read');
  expect(errors.map(({ object, error }) => `${object}: ${error}`)).toEqual([
    'shop/a: spec ("no object") must be an object',
    'shop/b: spec.ports[0] ("x") must be an object',
    '/: metadata.name (absent) must be a name',
  ]);
  const metric = await registry.getSingleMetric('kubernetes_source_decode_errors_total')?.get();
  expect(metric?.values[0].value).toBe(5);
});

test('an event that is no JSON is told, and a list makes up for it', async () => {
  start(
    list('5', service('a')),
    { watch: [{ type: 'ADDED', object: service('b', '6') }, '{"type":"DELE', { type: 'ADDED', object: service('x') }] },
    list('8', service('b', '6'), service('c', '7')),
  );
  await vi.waitFor(() => expect(asked).toContain('watch from 8'));
  expect(told).toEqual(['added a', 'added b', 'added c', 'deleted a']);
  expect(logged.map(({ error }) => error)).toContainEqual(
    expect.stringMatching(/^the event after version 6 \(13 characters\) cannot be read: /),
  );
  expect(await restarts()).toEqual({ decode: 1 });
});

test('a bookmark moves the place from which a watch goes on', async () => {
  start(list('5', service('a')), {
    watch: [{ type: 'BOOKMARK', object: { kind: 'Service', metadata: { resourceVersion: '70' } } }],
  });
  await vi.waitFor(() => expect(asked).toContain('watch from 70'));
  expect(asked.slice(0, 3)).toEqual(['list', 'watch from 5', 'watch from 70']);
});

test.each([
  [429, 'TooManyRequests', 'throttled'],
  [500, 'InternalError', 'server_error'],
  [504, 'Timeout', 'server_error'],
])('a watch that ends with %i goes on where it was', async (code, reason, counted) => {
  start(list('5', service('a')), { watch: [{ type: 'ADDED', object: service('b', '6') }, status(code, reason)] });
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(2));
  expect(asked.slice(0, 3)).toEqual(['list', 'watch from 5', 'watch from 6']);
  expect(await restarts()).toEqual({ [counted]: 1 });
});

test('a version that the server refuses again and again is given up for a list', async () => {
  const tooLarge = new ApiError(504, 'Timeout', 'Too large resource version');
  start(list('900', service('a')), ...Array.from({ length: 5 }, () => ({ error: tooLarge })), list('5', service('b')));
  await vi.waitFor(() => expect(asked).toContain('watch from 5'));
  expect(told).toEqual(['added a', 'added b', 'deleted a']);
});

test('a server that is starting is not asked for lists', async () => {
  const starting = new ApiError(503, 'ServiceUnavailable', 'not yet');
  start(list('5', service('a')), ...Array.from({ length: 12 }, () => ({ error: starting })), { watch: [] });
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(13));
  expect(asked.slice(0, 14).filter((what) => what === 'list')).toHaveLength(1);
});

test('lists that no watch follows come more and more slowly', async () => {
  const expired = { watch: [status(410, 'Expired')] };
  start(...Array.from({ length: 6 }, () => [list('5', service('a')), expired]).flat());
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(11), 5000);
  const waits = logged.filter(({ reason }) => reason === 'expired').map(({ failures }) => failures);
  expect(waits).toEqual([1, 2, 3, 4, 5, 6]);
});

test('the wait that a server asks for is kept', async () => {
  const startedMs = performance.now();
  start({ error: new ApiError(429, 'TooManyRequests', 'slow', { retryAfterMs: 200 }) }, list('5', service('a')));
  await source.synced;
  expect(performance.now() - startedMs).toBeGreaterThan(195);
});
