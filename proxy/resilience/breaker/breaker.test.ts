import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BreakerBackOff, Outcome } from './breaker.ts';
import { ConsecutiveBreaker } from './consecutive.ts';
import { type BreakerConfig, makeBreaker } from './make-breaker.ts';
import { SuccessRate } from './success-rate.ts';

const backOff: BreakerBackOff = { minMs: 1000, maxMs: 60_000, jitterRatio: 0.5, honorsHints: false };
const consecutive: BreakerConfig = { maxFailures: 3, successRate: undefined, backOff, minReadyEndpoints: 0 };
const successRate = { threshold: 0.8, windowMs: 10_000, minRequests: 5 };
const unified: BreakerConfig = { ...consecutive, successRate };
const outcomes: Readonly<Record<string, Outcome>> = { '.': 'success', f: 'failure', l: 'limited' };

/** What a breaker says to answers that come a second apart: the last of them. */
function last(config: BreakerConfig, answers: string, everyMs = 1000): string | undefined {
  const breaker = makeBreaker(config, () => 0);
  let said: string | undefined;
  [...answers].forEach((answer, i) => {
    said = breaker.record(outcomes[answer], i * everyMs);
  });
  return said;
}

describe('an endpoint is ejected', () => {
  it.each([
    ['by failures in a row, as many as are set', consecutive, 'fff', 'consecutive failures'],
    ['not by fewer', consecutive, 'ff', undefined],
    ['not by failures that a success comes between', consecutive, 'ff.ff', undefined],
    ['not for limiting its clients, where only failures count', consecutive, 'llllllll', undefined],
    ['not by failures that a limited request comes between', consecutive, 'fflff', undefined],
    ['never where no number is set', { ...consecutive, maxFailures: 0 }, 'ffffffffff', undefined],
    ['by failures in a row before its rate says anything', unified, 'fff', 'consecutive failures'],
    ['by its success rate, which falls below the threshold', unified, '....f.f', 'success rate'],
    ['not by a rate that is the threshold', unified, '....f', undefined],
    ['not by the rate of too few requests', unified, '.f.f', undefined],
    ['for limiting its clients, which lowers the rate', unified, '...ll', 'success rate'],
    [
      'not for limiting requests in a row',
      { ...unified, successRate: { ...successRate, threshold: 0 } },
      'llll',
      undefined,
    ],
    [
      'not by its rate where the threshold is 0',
      { ...unified, maxFailures: 0, successRate: { ...successRate, threshold: 0 } },
      'ffffff',
      undefined,
    ],
  ] as const)('%s', (_what, config, answers, expected) => {
    expect(last(config, answers)).toBe(expected);
  });

  it('by its rate at the same answer, however fast they come', () => {
    for (const everyMs of [0, 1, 100, 1999])
      expect(last({ ...unified, maxFailures: 0 }, 'fffff', everyMs)).toBe('success rate');
    for (const everyMs of [0, 1, 100, 1999])
      expect(last({ ...unified, maxFailures: 0 }, 'ffff', everyMs)).toBeUndefined();
  });

  it('as long as there is cause for it, when it could not be at once', () => {
    const breaker = makeBreaker(consecutive, () => 0);
    for (let i = 0; i < 3; i++) breaker.record('failure', 0);
    expect(breaker.record('failure', 0)).toBe('consecutive failures');
    expect(breaker.record('success', 0)).toBeUndefined();
  });
});

describe('the success rate', () => {
  const rate = () => new SuccessRate({ threshold: 0.5, windowMs: 10_000, minRequests: 2 });

  it('forgets answers that are older than its window', () => {
    const old = rate();
    old.record(false, 0);
    old.record(false, 0);
    expect(old.record(true, 9999)).toBe(true);
    expect(old.record(true, 10_000)).toBe(false);
  });

  it('knows nothing any more after a long pause', () => {
    const idle = rate();
    for (let i = 0; i < 100; i++) idle.record(false, 5);
    expect(idle.record(false, 1_000_000_000)).toBe(false);
  });

  it('is that of the answers which a list of them says are in the window, whatever comes when', () => {
    const answer = fc.record({ afterMs: fc.nat(3000), success: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(answer),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(10),
        (answers, threshold, minRequests) => {
          const windowMs = 10_000;
          const rate = new SuccessRate({ threshold, windowMs, minRequests });
          let nowMs = 0;
          const seen: { bucket: number; success: boolean }[] = [];
          for (const { afterMs, success } of answers) {
            nowMs += afterMs;
            const bucket = Math.floor(nowMs / 1000);
            seen.push({ bucket, success });
            const inWindow = seen.filter((each) => bucket - each.bucket < 10);
            const successes = inWindow.filter((each) => each.success).length;
            const isLow = inWindow.length >= minRequests && successes < threshold * inWindow.length;
            expect(rate.record(success, nowMs)).toBe(isLow);
          }
        },
      ),
    );
  });
});

describe('a probe', () => {
  it.each([
    ['success', true, true],
    ['limited', true, false],
    ['failure', false, false],
  ] as const)('that is a %s', (outcome, byFailures, byBoth) => {
    expect(makeBreaker(consecutive, () => 0).recovers(outcome, 0)).toBe(byFailures);
    expect(makeBreaker(unified, () => 0).recovers(outcome, 0)).toBe(byBoth);
  });

  it('that succeeds has everything begin anew', () => {
    const breaker = makeBreaker(unified, () => 0);
    for (let i = 0; i < 20; i++) breaker.record('failure', 0);
    breaker.delayMs(0);
    breaker.delayMs(0);
    expect(breaker.recovers('success', 0)).toBe(true);
    expect([breaker.record('failure', 0), breaker.record('failure', 0)]).toEqual([undefined, undefined]);
    expect(breaker.delayMs(0)).toBe(1000);
  });
});

describe('how long an endpoint is left alone', () => {
  const delays = (random: number, count: number): number[] => {
    const breaker = new ConsecutiveBreaker(1, backOff, () => random);
    return Array.from({ length: count }, () => breaker.delayMs(0));
  };

  it('doubles with each probe that fails, up to its maximum', () => {
    expect(delays(0, 8)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('is lengthened at random by its share, and never beyond its maximum', () => {
    const atMost = delays(1, 8);
    expect(atMost).toEqual([1500, 3000, 6000, 12_000, 24_000, 48_000, 60_000, 60_000]);
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (random) => {
        delays(random, 8).forEach((delay, i) => {
          expect(delay).toBeGreaterThanOrEqual(delays(0, 8)[i]);
          expect(delay).toBeLessThanOrEqual(atMost[i]);
        });
      }),
    );
  });

  const hinted = (waitMs: number, agoMs = 0, honorsHints = true): number => {
    const breaker = new ConsecutiveBreaker(1, { ...backOff, honorsHints }, () => 0);
    breaker.hint(waitMs, 0);
    return breaker.delayMs(agoMs);
  };

  it.each([
    ['the time that the endpoint asks for', hinted(5000), 5000],
    ['less of it by what has passed since', hinted(5000, 1500), 3500],
    ['not shorter than the back-off', hinted(10), 1000],
    ['not longer than its maximum', hinted(Number.POSITIVE_INFINITY), 60_000],
    ['its own where it has passed', hinted(5000, 5000), 1000],
    ['its own where hints are not honoured', hinted(5000, 0, false), 1000],
  ])('is %s', (_what, actual, expected) => {
    expect(actual).toBe(expected);
  });

  it('is by the last time that was asked for, once', () => {
    const breaker = new ConsecutiveBreaker(1, { ...backOff, honorsHints: true }, () => 0);
    breaker.hint(50_000, 0);
    breaker.hint(5000, 0);
    expect([breaker.delayMs(0), breaker.delayMs(0)]).toEqual([5000, 2000]);
  });
});
