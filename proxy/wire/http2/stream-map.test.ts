import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Http2Stream } from './http2-stream.ts';
import { StreamMap } from './stream-map.ts';

const stream = (id: number) => ({ id }) as Http2Stream;
const ids = (map: StreamMap): number[] => map.values().map(({ id }) => id);

it('holds what a Map would, whatever is added and deleted, ids that share a slot included', () => {
  // Few slots' worth of ids that fall on the same ones again and again.
  const id = fc.oneof(
    fc.integer({ min: 0, max: 300 }),
    fc.integer({ min: 0, max: 300 }).map((n) => n * 128),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), id), { maxLength: 400 }), (steps) => {
      const map = new StreamMap();
      const model = new Map<number, Http2Stream>();
      for (const [add, key] of steps) {
        if (add && !model.has(key)) {
          const one = stream(key);
          map.add(one);
          model.set(key, one);
        } else expect(map.delete(key)).toBe(model.delete(key));
        expect(map.size).toBe(model.size);
      }
      for (const [key, one] of model) expect(map.get(key)).toBe(one);
      expect(map.get(77_777)).toBeUndefined();
      expect(ids(map).sort()).toEqual([...model.keys()].sort());
    }),
  );
});

it('keeps nothing of what is deleted', () => {
  const map = new StreamMap();
  for (let id = 1; id < 100_000; id += 2) {
    map.add(stream(id));
    if (id > 40) expect(map.delete(id - 40)).toBe(true);
  }
  expect(map.size).toBe(20);
  map.clear();
  expect([map.size, ids(map)]).toEqual([0, []]);
});
