import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ApiError, type KubernetesApi } from './api.ts';
import { LeaderElection } from './leader-election.ts';

/** The Lease that the candidates share: the server's rules for one object. */
class LeaseServer implements KubernetesApi {
  lease: { metadata: { resourceVersion: string }; spec: Record<string, unknown> } | undefined = undefined;
  private version = 0;

  async get<T>(): Promise<T> {
    if (this.lease === undefined) throw new ApiError(404, 'NotFound', 'not found');
    return structuredClone(this.lease) as T;
  }
  async create<T>(_path: string, object: unknown): Promise<T> {
    if (this.lease !== undefined) throw new ApiError(409, 'AlreadyExists', 'exists');
    return this.store(object);
  }
  async replace<T>(_path: string, object: unknown): Promise<T> {
    const { resourceVersion } = (object as { metadata: { resourceVersion: string } }).metadata;
    if (resourceVersion !== this.lease?.metadata.resourceVersion) throw new ApiError(409, 'Conflict', 'changed');
    return this.store(object);
  }
  async patch<T>(): Promise<T> {
    throw new ApiError(405, 'MethodNotAllowed', 'no patches');
  }
  async delete(): Promise<void> {
    this.lease = undefined;
  }
  private store<T>(object: unknown): T {
    const { spec } = object as { spec: Record<string, unknown> };
    this.lease = { metadata: { resourceVersion: String(++this.version) }, spec };
    return structuredClone(this.lease) as T;
  }
}

/** A candidate's way to the server. */
class Link implements KubernetesApi {
  state: 'up' | 'down' | 'hangs' = 'up';

  get = <T>(): Promise<T> => this.through(() => server.get<T>());
  create = <T>(path: string, object: unknown): Promise<T> => this.through(() => server.create<T>(path, object));
  replace = <T>(path: string, object: unknown): Promise<T> => this.through(() => server.replace<T>(path, object));
  patch = <T>(): Promise<T> => server.patch<T>();
  delete = (): Promise<void> => server.delete();

  private through<T>(call: () => Promise<T>): Promise<T> {
    if (this.state === 'hangs') return new Promise(() => {});
    return this.state === 'up' ? call() : Promise.reject(new ApiError(0, '', 'no answer'));
  }
}

let server: LeaseServer;
let candidates: LeaderElection[];
let told: string[];

beforeEach(() => {
  vi.useFakeTimers();
  server = new LeaseServer();
  candidates = [];
  told = [];
});
afterEach(async () => {
  for (const one of candidates) await one.stop();
  vi.useRealTimers();
});

function candidate(identity: string, options: { clockMs?: number; api?: KubernetesApi } = {}): LeaderElection {
  const made = new LeaderElection({
    api: options.api ?? server,
    namespace: 'tulle',
    name: 'identity',
    identity,
    onElected: () => told.push(`${identity} elected`),
    onLost: () => told.push(`${identity} lost`),
    onProblem: () => {},
    now: () => Date.now(),
    date: () => new Date(Date.now() + (options.clockMs ?? 0)),
    random: () => 0.5,
  });
  candidates.push(made);
  made.start();
  return made;
}

test('one candidate leads for as long as it renews, another waits', async () => {
  const first = candidate('a');
  await vi.advanceTimersByTimeAsync(10);
  const second = candidate('b');
  await vi.advanceTimersByTimeAsync(300_000);
  expect([first.leading, second.leading]).toEqual([true, false]);
  expect(told).toEqual(['a elected']);
  expect(server.lease?.spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 30, leaseTransitions: 0 });
});

test('a leader that stops frees the lease, and the next one leads within a third of it', async () => {
  const first = candidate('a');
  await vi.advanceTimersByTimeAsync(10);
  const second = candidate('b');
  await vi.advanceTimersByTimeAsync(10);
  await first.stop();
  expect(server.lease?.spec['holderIdentity']).toBe('');
  await vi.advanceTimersByTimeAsync(11_000);
  expect(second.leading).toBe(true);
  expect(server.lease?.spec['leaseTransitions']).toBe(1);
});

test('a leader without the server gives up before another may take over', async () => {
  const link = new Link();
  const first = candidate('a', { api: link });
  await vi.advanceTimersByTimeAsync(10);
  candidate('b');
  link.state = 'down';
  await vi.advanceTimersByTimeAsync(19_000);
  expect(first.leading).toBe(true);
  await vi.advanceTimersByTimeAsync(2000);
  expect(told).toEqual(['a elected', 'a lost']);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(told).toEqual(['a elected', 'a lost', 'b elected']);
});

test('a leader whose call hangs gives up all the same', async () => {
  const link = new Link();
  const first = candidate('a', { api: link });
  await vi.advanceTimersByTimeAsync(10);
  link.state = 'hangs';
  await vi.advanceTimersByTimeAsync(21_000);
  expect(first.leading).toBe(false);
  // Its call under way never ends, and with it its stop.
  candidates = [];
});

test('clocks that differ by an hour change nothing', async () => {
  const first = candidate('a', { clockMs: -3_600_000 });
  await vi.advanceTimersByTimeAsync(10);
  const second = candidate('b', { clockMs: 3_600_000 });
  await vi.advanceTimersByTimeAsync(300_000);
  expect([first.leading, second.leading]).toEqual([true, false]);
});

test('a change of the lease by a third party does not end a leadership', async () => {
  const first = candidate('a');
  await vi.advanceTimersByTimeAsync(10);
  const { get } = LeaseServer.prototype;
  server.get = async function <T>(this: LeaseServer): Promise<T> {
    const seen = await get.call(this);
    if (this.lease) this.lease.metadata.resourceVersion += '0';
    server.get = get as LeaseServer['get'];
    return seen as T;
  };
  await vi.advanceTimersByTimeAsync(60_000);
  expect(first.leading).toBe(true);
  expect(told).toEqual(['a elected']);
});

test('a callback that throws does not end the candidature', async () => {
  const first = candidate('a');
  told.push = () => {
    throw new Error('broken');
  };
  await vi.advanceTimersByTimeAsync(60_000);
  expect(first.leading).toBe(true);
});
