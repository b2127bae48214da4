import { expect, test } from 'vitest';
import { plaintextEndpoint } from '../model/endpoint-info.ts';
import { type KnownTarget, KnownTargets } from './known-targets.ts';

const target = (endpoints: number): KnownTarget => ({
  endpoints: {
    authority: 'web.shop:80',
    infos: Array.from({ length: endpoints }, (_, i) => plaintextEndpoint(`10.0.0.${i}`, 80, 'loopback')),
  },
});

test('what was known of a target is there again, until something else is known', () => {
  const known = new KnownTargets();
  known.remember('web', target(1));
  known.remember('web', {});
  expect(known.recall('web')).toEqual(target(1));
  known.remember('web', { endpoints: 'unknown' });
  expect(known.recall('web')).toEqual({ endpoints: 'unknown' });
});

test('the ones that have not been used for longest are forgotten when there are too many', () => {
  const known = new KnownTargets({ targets: 2, endpoints: 100 });
  for (const name of ['a', 'b', 'a', 'c']) known.remember(name, target(1));
  expect(['a', 'b', 'c'].map((name) => known.recall(name) !== undefined)).toEqual([true, false, true]);
});

test('endpoints are counted: one large target takes the place of many', () => {
  const known = new KnownTargets({ targets: 100, endpoints: 10 });
  for (const name of ['a', 'b', 'c']) known.remember(name, target(3));
  known.remember('d', target(7));
  expect(['a', 'b', 'c', 'd'].map((name) => known.recall(name) !== undefined)).toEqual([false, false, true, true]);
  known.remember('d', target(11));
  expect(known.recall('d')).toBeUndefined();
});
