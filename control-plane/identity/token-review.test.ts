import { Registry } from 'prom-client';
import { describe, expect, test, vi } from 'vitest';
import { ApiError } from '../kubernetes/api.ts';
import { BoundedWork } from './bounded-work.ts';
import { TestTokens } from './testing.ts';
import { TokenReviewer } from './token-review.ts';

const token = new TestTokens().issue('shop:web');

function reviewer(answer: () => Promise<unknown>, options: { concurrency?: number; maxWaiting?: number } = {}) {
  const registry = new Registry();
  const asked: unknown[] = [];
  const api = {
    create: async <T>(_path: string, object: unknown) => {
      asked.push(object);
      return (await answer()) as T;
    },
  };
  const reviews = new TokenReviewer({ api, audience: 'identity.l5d.io', registry, deadlineMs: 200, ...options });
  const counts = async () => {
    const { values } = await registry.getSingleMetric('identity_token_reviews_total')!.get();
    return Object.fromEntries(values.map(({ labels, value }) => [labels['result'], value]));
  };
  return { reviews, asked, counts };
}

const passed = {
  authenticated: true,
  audiences: ['identity.l5d.io'],
  user: { username: 'system:serviceaccount:shop:web' },
};

describe('a review', () => {
  test('asks about the token for the audience, and tells whose it is', async () => {
    const { reviews, asked, counts } = reviewer(async () => ({ status: passed }));
    expect(await reviews.authenticate(`${token}\n`)).toEqual({ namespace: 'shop', name: 'web' });
    expect(asked).toEqual([
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token, audiences: ['identity.l5d.io'] },
      },
    ]);
    expect(await counts()).toEqual({ authenticated: 1 });
  });

  test.each<[string, unknown, string]>([
    ['that does not authenticate', { authenticated: false, error: 'token has expired' }, 'token has expired'],
    ['without a status', undefined, 'it is not known'],
    ['that contradicts itself', { ...passed, error: 'broken' }, 'broken'],
    ['of a server that knows no audiences', { ...passed, audiences: undefined }, 'it is not for identity.l5d.io'],
    ['for other audiences', { ...passed, audiences: ['api'] }, 'it is not for identity.l5d.io'],
    ['of a person', { ...passed, user: { username: 'admin' } }, 'not that of a service account'],
    ['of a node', { ...passed, user: { username: 'system:node:a' } }, 'not that of a service account'],
  ])('%s is no pass', async (_what, status, message) => {
    const { reviews } = reviewer(async () => ({ status }));
    await expect(reviews.authenticate(token)).rejects.toMatchObject({
      reason: 'not authenticated',
      message: expect.stringContaining(message),
    });
  });

  test('that fails is no pass, and counted', async () => {
    const { reviews, counts } = reviewer(async () => {
      throw new ApiError(500, 'InternalError', 'etcd is gone');
    });
    await expect(reviews.authenticate(token)).rejects.toMatchObject({ reason: 'review failed' });
    expect(await counts()).toEqual({ 'review failed': 1 });
  });

  test('is not asked for about something that is no token', async () => {
    const { reviews, asked } = reviewer(async () => ({ status: passed }));
    for (const text of ['', 'secret', 'a.b', 'a..b', 'x'.repeat(20_000)]) {
      await expect(reviews.authenticate(text)).rejects.toMatchObject({ reason: 'malformed' });
    }
    expect(asked).toEqual([]);
  });

  test('that takes too long, or for which too many wait, is no pass', async () => {
    const { reviews, counts } = reviewer(() => new Promise(() => {}), { concurrency: 1, maxWaiting: 1 });
    const results = await Promise.allSettled([1, 2, 3].map(() => reviews.authenticate(token)));
    for (const result of results) expect(result).toMatchObject({ reason: { reason: 'overloaded' } });
    expect(await counts()).toEqual({ overloaded: 3 });
  });
});

describe('the right to review', () => {
  test('makes it ready; without it the message says what to grant', async () => {
    let allowed = false;
    const { reviews } = reviewer(async () => ({ status: { allowed } }));
    await expect(reviews.checkAccess()).rejects.toThrow('creating tokenreviews is not allowed');
    expect(reviews.ready).toBe(false);
    allowed = true;
    await reviews.checkAccess();
    expect(reviews.ready).toBe(true);
  });
});

describe('bounded work', () => {
  test('is done so much at a time, in order', async () => {
    const work = new BoundedWork({ concurrency: 2, maxWaiting: 10, deadlineMs: 5000 });
    const started: number[] = [];
    const ends: (() => void)[] = [];
    const all = [0, 1, 2, 3].map((n) =>
      work.run(async () => {
        started.push(n);
        await new Promise<void>((resolve) => ends.push(resolve));
        return n;
      }),
    );
    expect(started).toEqual([0, 1]);
    ends[0]();
    await vi.waitFor(() => expect(started).toEqual([0, 1, 2]));
    for (let n = 1; n < 4; n++) {
      await vi.waitFor(() => expect(ends.length).toBeGreaterThan(n));
      ends[n]();
    }
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3]);
    expect(work.running).toBe(0);
  });

  test('that waits past its deadline is never started', async () => {
    const work = new BoundedWork({ concurrency: 1, maxWaiting: 10, deadlineMs: 20 });
    let end = (): void => {};
    const first = work.run(() => new Promise<void>((resolve) => (end = resolve)));
    let started = false;
    const second = work.run(async () => (started = true));
    await expect(first).rejects.toThrow('not done within 20 ms');
    await expect(second).rejects.toThrow('not done within 20 ms');
    expect(work.running).toBe(1);
    end();
    await vi.waitFor(() => expect(work.running).toBe(0));
    expect(started).toBe(false);
  });
});
