import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeLoad, plainLoad } from './load.ts';
import { P2c } from './p2c.ts';
import { PeakEwma } from './peak-ewma.ts';
import { PenaltyPeakEwma } from './penalty-ewma.ts';

describe('PeakEwma', () => {
  it('starts at the default round trip and grows with requests in flight', () => {
    const load = new PeakEwma(0);
    expect(load.cost(0)).toBe(30);
    load.begin();
    load.begin();
    expect(load.cost(0)).toBe(90);
  });

  it('rises to a peak at once and falls by the decay', () => {
    const load = new PeakEwma(0, 30, 10_000);
    load.begin();
    load.sample(0, 1000);
    load.end();
    expect(load.cost(0)).toBe(1000);
    load.begin();
    load.sample(10_000, 0);
    load.end();
    expect(load.cost(10_000)).toBeCloseTo(1000 / Math.E, 6);
  });

  it('learns from a request that was given up unanswered that an answer takes longer, and nothing from one given up early', () => {
    const load = new PeakEwma(0);
    load.unanswered(0, 5);
    expect(load.cost(0)).toBe(30);
    load.unanswered(0, 1000);
    expect(load.cost(0)).toBe(1000);
  });

  it('learns nothing from a cancelled request', () => {
    const load = new PeakEwma(0);
    load.begin();
    load.end();
    expect(load.cost(0)).toBe(30);
  });

  it('stays between zero and the highest round trip seen, whatever comes', () => {
    const step = fc.record({ waitMs: fc.nat(20_000), rttMs: fc.nat(5_000) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1 }), (steps) => {
        const load = new PeakEwma(0);
        let now = 0;
        for (const { waitMs, rttMs } of steps) {
          now += waitMs;
          load.begin();
          load.sample(now, rttMs);
          load.end();
          expect(load.cost(now)).toBeGreaterThanOrEqual(0);
          expect(load.cost(now)).toBeLessThanOrEqual(Math.max(30, ...steps.map((s) => s.rttMs)));
        }
      }),
    );
  });
});

/** A small linear congruential generator: the same numbers in each run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const candidate = (weight: number, cost = 1) => ({ weight, cost: () => cost, picked: 0 });

function shares(candidates: ReturnType<typeof candidate>[], picks = 20_000): number[] {
  const p2c = new P2c<ReturnType<typeof candidate>>(numbers(1));
  p2c.replace(candidates);
  for (let i = 0; i < picks; i++) {
    const picked = p2c.pick(0);
    if (picked) picked.picked++;
  }
  return candidates.map((c) => c.picked / picks);
}

describe('PenaltyPeakEwma', () => {
  const penalty = { penaltyMs: 5000, maxRetryAfterMs: 300_000 };
  const load = () => new PenaltyPeakEwma(0, penalty);

  it.each([
    [429, -1, true],
    [503, -1, true],
    [500, -1, true],
    [200, -1, false],
    [404, -1, false],
    [200, 0, false],
    [200, 5, false],
    [200, 8, true],
    [200, 14, true],
    [200, 7, false],
  ])('HTTP %i with gRPC status %i is penalized: %s', (status, grpc, expected) => {
    expect(load().penalizes(status, grpc)).toBe(expected);
  });

  it.each([
    ['the penalty', 0, 5000],
    ['the penalty, where less is asked for', 1000, 5000],
    ['what is asked for', 20_000, 20_000],
    ['the maximum, where more is asked for', 1e9, 300_000],
  ])('such an answer counts as one that took %s', (_what, waitMs, expected) => {
    const penalized = load();
    penalized.penalize(0, waitMs);
    expect(penalized.cost(0)).toBe(expected);
  });

  it('a penalty fades with time, however many answers come', () => {
    const penalized = load();
    penalized.penalize(0, 0);
    for (let ms = 1; ms <= 10_000; ms++) penalized.sample(ms, 0);
    expect(penalized.cost(10_000)).toBeCloseTo(5000 / Math.E, 3);
  });

  it('is what measures the load where a penalty is set, and only there', () => {
    expect(makeLoad(plainLoad, 0)).not.toBeInstanceOf(PenaltyPeakEwma);
    expect(makeLoad({ ...plainLoad, penalty }, 0)).toBeInstanceOf(PenaltyPeakEwma);
    expect(makeLoad({ ...plainLoad, defaultRttMs: 7 }, 0).cost(0)).toBe(7);
  });
});

describe('P2c', () => {
  it('has nothing to pick from nothing, and one from one', () => {
    expect(new P2c(numbers(1)).pick(0)).toBeUndefined();
    expect(shares([candidate(5)])).toEqual([1]);
  });

  it('spreads evenly over equals', () => {
    for (const share of shares([1, 1, 1, 1, 1].map((w) => candidate(w)))) expect(share).toBeCloseTo(0.2, 1);
  });

  it('never takes the costliest of several, and always the cheaper of two', () => {
    expect(shares([candidate(1, 1), candidate(1, 9)])).toEqual([1, 0]);
    expect(shares([candidate(1, 1), candidate(1, 1), candidate(1, 9)])[2]).toBe(0);
  });

  it('draws by weight', () => {
    const [light, heavy, middle] = shares([candidate(1), candidate(10), candidate(4)]);
    expect(heavy).toBeGreaterThan(middle);
    expect(middle).toBeGreaterThan(light);
  });

  it('sends little to a slow endpoint, and comes back when it recovers', () => {
    const random = numbers(3);
    let now = 0;
    const endpoints = [5, 5, 100].map((rttMs) => ({
      weight: 1,
      rttMs,
      load: new PeakEwma(0),
      picked: 0,
      cost: (at: number): number => 0 * at,
    }));
    for (const endpoint of endpoints) endpoint.cost = (at) => endpoint.load.cost(at);
    const p2c = new P2c<(typeof endpoints)[number]>(random);
    p2c.replace(endpoints);
    const round = (requests: number): number[] => {
      for (const endpoint of endpoints) endpoint.picked = 0;
      for (let i = 0; i < requests; i++) {
        now += 10;
        const endpoint = p2c.pick(now)!;
        endpoint.load.begin();
        endpoint.load.sample(now, endpoint.rttMs);
        endpoint.load.end();
        endpoint.picked++;
      }
      return endpoints.map((endpoint) => endpoint.picked / requests);
    };
    expect(round(2000)[2]).toBeLessThan(0.1);
    endpoints[2].rttMs = 5;
    round(10_000);
    expect(round(2000)[2]).toBeGreaterThan(0.2);
  });
});
