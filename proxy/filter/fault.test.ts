import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HttpRoute_FilterSchema } from '../../api/gen/outbound_pb.js';
import { ratioOfPercent } from '../../lib/contract/percentage.ts';
import { requestOf } from '../testing/exchanges.ts';
import { Answer } from './filter.ts';
import { filtersFromApi } from './from-api.ts';

/** As good a source of chance as any, and the same in each run (Vigna's splitmix, of 32 bits). */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

const faults = (delayed: number, aborted: number) =>
  filtersFromApi(
    [
      create(HttpRoute_FilterSchema, {
        kind: { case: 'failureInjector', value: { status: 503, ratio: ratioOfPercent(aborted) } },
      }),
      create(HttpRoute_FilterSchema, {
        kind: { case: 'delay', value: { duration: durationFromMs(1500), ratio: ratioOfPercent(delayed) } },
      }),
    ],
    undefined,
    () => {},
  );

it('a failure of all requests forbids what goes on already, and an injected fault does not', () => {
  const failing = (message: string) =>
    filtersFromApi(
      [create(HttpRoute_FilterSchema, { kind: { case: 'failureInjector', value: { status: 503, message } } })],
      undefined,
      () => {},
    );
  expect(failing('traffic not allowed')?.failAll).toBe(true);
  expect(failing('injected by FaultInjection shop/broken')?.failAll).toBe(false);
});

it('shares come out within 1 % over 20,000 requests, those of delays and of aborts each by itself', () => {
  const percent = fc.oneof(fc.constantFrom(0, 0.1, 100), fc.double({ min: 0, max: 100, noNaN: true }));
  fc.assert(
    fc.property(percent, percent, fc.nat(), (delayed, aborted, seed) => {
      const filters = faults(delayed, aborted);
      const random = chance(seed);
      const head = requestOf();
      const count = 20_000;
      let [delays, aborts, both] = [0, 0, 0];
      for (let i = 0; i < count; i++) {
        const isDelayed = filters?.delayMs(random) === 1500;
        const isAborted = filters?.applyToRequest(head, random) instanceof Answer;
        if (isDelayed) delays++;
        if (isAborted) aborts++;
        if (isDelayed && isAborted) both++;
      }
      expect(Math.abs(delays / count - delayed / 100)).toBeLessThan(0.01);
      expect(Math.abs(aborts / count - aborted / 100)).toBeLessThan(0.01);
      expect(Math.abs(both / count - (delayed * aborted) / 10_000)).toBeLessThan(0.01);
      if (delayed === 0) expect(delays).toBe(0);
      if (aborted === 100) expect(aborts).toBe(count);
    }),
    { numRuns: 40 },
  );
});
