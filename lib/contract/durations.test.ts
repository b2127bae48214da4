import { expect, it, test } from 'vitest';
import { durationMs, goDurationMs, trafficDurationMs } from './durations.ts';

it.each([
  ['0', 0],
  ['300ms', 300],
  ['1.5h', 5_400_000],
  ['1m30s', 90_000],
  ['.5s', 500],
  ['+2µs', 0.002],
])('Go reads %s as %d ms', (text, ms) => {
  expect(goDurationMs.read(text)).toBeCloseTo(ms);
});

it.each(['', '5', '1d', '1 s', 's', '.s', '1s1'])('%j is no duration of Go', (text) => {
  expect(goDurationMs.read(text)).toBeUndefined();
});

it.each([
  ['500ms', 500],
  ['24h0m0s', 86_400_000],
  ['1.5s', 1500],
  ['2d', 172_800_000],
])('a setting of %s is %d ms', (text, ms) => {
  expect(durationMs.read(text)).toBe(ms);
});

it.each(['', '0', '5', '-1s', '5us', '999999999999999d'])('a setting cannot be %j', (text) => {
  expect(durationMs.read(text)).toBeUndefined();
});

test.each([
  ['10ms', 10],
  ['5s', 5000],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
  ['0', 0],
  ['5', undefined],
  ['1.5s', undefined],
  ['1m30s', undefined],
  ['-1s', undefined],
  ['99999999999d', undefined],
  ['', undefined],
])('an annotation with the duration %j is %s ms', (text, ms) => expect(trafficDurationMs.read(text)).toBe(ms));

test.each([
  ['1h30m', 5_400_000],
  ['1.5s', 1500],
  ['100us', 0.1],
  ['-1s', -1000],
  ['0', 0],
  ['1', undefined],
  ['s', undefined],
  ['1d', undefined],
])('a field with the duration %j is %s ms', (text, ms) => expect(goDurationMs.read(text)).toBe(ms));
