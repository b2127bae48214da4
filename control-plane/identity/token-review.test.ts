import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../kubernetes/api.ts';
import { TestTokens } from './testing.ts';
import { TokenReviewer } from './token-review.ts';

const token = new TestTokens().issue('shop:web');

function reviewer(answer: () => Promise<unknown>) {
  const registry = new Registry();
  const asked: unknown[] = [];
  const api = {
    create: async <T>(_path: string, object: unknown) => {
      asked.push(object);
      return (await answer()) as T;
    },
  };
  const reviews = new TokenReviewer({ api, audience: 'identity.l5d.io', registry });
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
