import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FetchError } from './fetch-key-set.ts';
import { KeySets } from './key-sets.ts';

/** What each URL is answered with; an Error fails it. */
let answers: Record<string, string | Error>;
let fetched: string[];
let changed: string[];
let failed: string[];
let nowMs: number;
let sets: KeySets;

beforeEach(() => {
  vi.useFakeTimers();
  [answers, fetched, changed, failed, nowMs] = [{}, [], [], [], 0];
  sets = new KeySets({
    fetch: async (url) => {
      fetched.push(url);
      const answer = answers[url] ?? `keys of ${url}`;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    onChange: (url) => changed.push(url),
    onFailed: (_url, detail) => failed.push(detail),
    nowMs: () => nowMs,
    random: () => 0.5,
  });
});
afterEach(() => {
  sets.close();
  vi.useRealTimers();
});

const object = (name: string, namespace = 'shop') => ({ name, namespace });
const pass = async (ms: number) => {
  nowMs += ms;
  await vi.advanceTimersByTimeAsync(ms);
};

it('a URL is fetched once for all objects that name it, and again every five minutes', async () => {
  sets.follow(object('a'), ['u', 'v', 'u']);
  sets.follow(object('b', 'bank'), ['u']);
  expect(sets.of('u', 'shop')).toEqual({ jwks: '', problem: undefined });
  await pass(0);
  expect([fetched, changed]).toEqual([
    ['u', 'v'],
    ['u', 'v'],
  ]);
  expect(sets.of('u', 'bank')).toEqual({ jwks: 'keys of u', problem: undefined });
  answers['u'] = 'next';
  await pass(300_000);
  expect(fetched).toEqual(['u', 'v', 'u', 'v']);
  expect([changed.at(-1), sets.of('u', 'shop').jwks]).toEqual(['u', 'next']);
});

it('what nobody names any more is fetched no more', async () => {
  sets.follow(object('a'), ['u']);
  sets.follow(object('b'), ['u']);
  sets.follow(object('a'), []);
  expect(sets.size).toBe(1);
  sets.follow(object('b'), ['v']);
  await pass(700_000);
  expect(fetched.filter((url) => url === 'u')).toHaveLength(1);
  expect(sets.size).toBe(1);
});

it('keys stay in use while fetches fail, tried ever more rarely, up to six hours', async () => {
  sets.follow(object('a'), ['u']);
  await pass(0);
  answers['u'] = new FetchError('cannot be fetched', 'connect ECONNREFUSED');
  await pass(300_000);
  expect(sets.of('u', 'shop')).toEqual({ jwks: 'keys of u', problem: 'cannot be fetched' });
  expect(failed).toEqual(['connect ECONNREFUSED']);
  await pass(10_000 + 20_000 + 40_000);
  expect(fetched).toHaveLength(5);
  await pass(5 * 3_600_000);
  expect(sets.of('u', 'shop').jwks).toBe('keys of u');
  await pass(3_600_000);
  expect(sets.of('u', 'shop')).toEqual({ jwks: '', problem: 'cannot be fetched' });
  delete answers['u'];
  await pass(300_000);
  expect(sets.of('u', 'shop')).toEqual({ jwks: 'keys of u', problem: undefined });
});

it('one namespace has a bound, which costs no other anything', async () => {
  const urls = Array.from({ length: 40 }, (_, i) => `u${i}`);
  sets.follow(object('a'), urls);
  sets.follow(object('b', 'bank'), ['u39', 'v']);
  await pass(0);
  expect(fetched).toHaveLength(34);
  expect(sets.of('u31', 'shop').jwks).toBe('keys of u31');
  expect(sets.of('u39', 'shop')).toMatchObject({ jwks: '', problem: expect.stringMatching(/^is not fetched: /) });
  expect(sets.of('u39', 'bank').jwks).toBe('keys of u39');
});

it('fetches are few at a time', async () => {
  let atOnce = 0;
  let most = 0;
  const slow = new KeySets({
    fetch: () => {
      most = Math.max(most, ++atOnce);
      return new Promise((done) => setTimeout(() => done(String(atOnce--)), 100));
    },
    onChange: () => {},
    onFailed: () => {},
    nowMs: () => 0,
    random: () => 0.5,
  });
  slow.follow(
    object('a'),
    Array.from({ length: 30 }, (_, i) => `u${i}`),
  );
  await vi.advanceTimersByTimeAsync(1000);
  expect([most, atOnce]).toEqual([8, 0]);
  expect(slow.of('u29', 'shop').jwks).not.toBe('');
  slow.close();
});
