import { describe, expect, it } from 'vitest';
import { SeededRandom } from './random.ts';
import { type SoakResult, soak } from './soak.ts';
import { faults, soakTables } from './verdict.ts';

const smokeMs = 12_000;

it('a short run: mixed protocols, abandoned calls, endpoints that come and go; nothing fails and nothing is left', {
  timeout: 180_000,
}, async () => {
  const lines: string[] = [];
  const result = await soak({ forMs: smokeMs, seed: 5, report: (line) => lines.push(line) });
  expect(faults(result, smokeMs), soakTables(result)).toEqual([]);
  // Of a kind that is called seldom on a busy machine, all may have come through.
  const abandoned = result.tallies.reduce((sum, tally) => sum + tally.abandoned, 0);
  expect(abandoned, soakTables(result)).toBeGreaterThan(10);
});

describe('the verdict', () => {
  const megabyte = 1024 * 1024;
  const good: SoakResult = {
    tallies: [{ name: 'HTTP/1', done: 10, abandoned: 1, failures: [] }],
    churn: { restarts: 2, failures: [] },
    hostile: { quietMs: 20, attackedMs: 39, attempts: 100 },
    proxies: [
      {
        name: 'client',
        descriptors: [20, 20],
        privateBytes: [30 * megabyte, 35 * megabyte],
        mostPrivateBytes: 60 * megabyte,
        left: {},
      },
    ],
  };
  const proxy = good.proxies[0];
  const tally = good.tallies[0];

  it('is without fault when all is flat', () => expect(faults(good, 600_000)).toEqual([]));

  it.each([
    [
      { ...good, proxies: [{ ...proxy, descriptors: [20, 21] as const }] },
      'client: 20 descriptors before the load, 21 after it',
    ],
    [
      { ...good, proxies: [{ ...proxy, left: { tcp_open_connections: 3 } }] },
      'client: tcp_open_connections is 3 without a call',
    ],
    [
      { ...good, proxies: [{ ...proxy, privateBytes: [30 * megabyte, 41 * megabyte] as const }] },
      'client: private memory grew by 11.0 MB, more than 10.0',
    ],
    [
      { ...good, tallies: [{ ...tally, failures: ['status 502'] }] },
      'HTTP/1: a call failed that should not: status 502',
    ],
    [{ ...good, tallies: [{ ...tally, done: 0 }] }, 'HTTP/1: no call succeeded'],
    [{ ...good, churn: { restarts: 0, failures: [] } }, 'no endpoint came and went'],
    [{ ...good, hostile: { quietMs: 20, attackedMs: 39, attempts: 0 } }, 'nobody attacked'],
    [
      { ...good, hostile: { quietMs: 20, attackedMs: 41, attempts: 9 } },
      '99 of 100 calls took up to 41.0 ms under attack, 20.0 ms without',
    ],
    [
      { ...good, proxies: [{ ...proxy, mostPrivateBytes: 300 * megabyte }] },
      'client: private memory was up to 300 MB, more than 250',
    ],
  ])('finds %j', (result, fault) => expect(faults(result, 600_000)).toEqual([fault]));
});

it('the same seed gives the same numbers', () => {
  const numbers = (seed: number) =>
    Array.from(
      { length: 5 },
      (
        (random) => () =>
          random.next()
      )(new SeededRandom(seed)),
    );
  expect(numbers(1)).toEqual(numbers(1));
  expect(numbers(1)).not.toEqual(numbers(2));
});
