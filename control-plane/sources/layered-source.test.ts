import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Kinds } from './kinds.ts';
import { LayeredSource } from './layered-source.ts';
import type { ObjectSource } from './object-source.ts';
import { ObjectStore } from './object-store.ts';

/** A source whose objects are put by hand. */
class Layer extends ObjectStore implements ObjectSource {
  closed = false;
  readonly synced: Promise<void>;
  constructor(synced = Promise.resolve()) {
    super();
    this.synced = synced;
  }
  close(): void {
    this.closed = true;
  }
}

const service = (name: string, port = 80): Kinds['Service'] => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { ports: [{ port }] },
});
const follow = (source: ObjectSource): string[] => {
  const told: string[] = [];
  source.watch('Service', ({ type, object }) =>
    told.push(`${type} ${object.metadata.name} ${object.spec?.ports?.[0].port}`),
  );
  return told;
};

test('the first layer that has an object counts, and when it goes there the next one comes back', () => {
  const [overrides, cluster] = [new Layer(), new Layer()];
  cluster.put(service('web', 80));
  const told = follow(new LayeredSource([overrides, cluster]));
  overrides.put(service('web', 8080));
  cluster.put(service('web', 81));
  overrides.delete(service('web'));
  cluster.delete(service('web'));
  expect(told).toEqual(['added web 80', 'modified web 8080', 'modified web 81', 'deleted web 81']);
});

test('who begins to watch is told of what is hidden at no time', () => {
  const [overrides, cluster] = [new Layer(), new Layer()];
  overrides.put(service('web', 8080));
  cluster.put(service('web', 80));
  const source = new LayeredSource([overrides, cluster]);
  expect([follow(source), follow(source)]).toEqual([['added web 8080'], ['added web 8080']]);
});

test('a layer that is never synced hides nothing of the others, and the whole is not synced', async () => {
  let settle = () => {};
  const late = new Layer(
    new Promise((resolve) => {
      settle = resolve;
    }),
  );
  const cluster = new Layer();
  const source = new LayeredSource([late, cluster]);
  let synced = false;
  void source.synced.then(() => {
    synced = true;
  });
  const told = follow(source);
  cluster.put(service('web'));
  await cluster.synced;
  await new Promise((done) => setImmediate(done));
  expect([synced, told]).toEqual([false, ['added web 80']]);
  settle();
  await source.synced;
});

test('the layers are closed with it', () => {
  const layers = [new Layer(), new Layer()];
  new LayeredSource(layers).close();
  expect(layers.map(({ closed }) => closed)).toEqual([true, true]);
});

test('whatever is made, changed and deleted, what was told is what looking through the layers finds', () => {
  const step = fc.record({
    layer: fc.nat({ max: 2 }),
    name: fc.constantFrom('a', 'b', 'c'),
    // Few ports, so that layers often agree.
    port: fc.option(fc.constantFrom(80, 81), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat({ max: 40 }), (steps, begin) => {
      const layers = [new Layer(), new Layer(), new Layer()];
      const model = layers.map(() => new Map<string, number>());
      const source = new LayeredSource(layers);
      const told = new Map<string, number | undefined>();
      const watch = (): void => {
        source.watch('Service', ({ type, object }) => {
          const { name } = object.metadata;
          const port = object.spec?.ports?.[0].port;
          // Only what follows from what was told before.
          expect(told.has(name)).toBe(type !== 'added');
          if (type === 'modified') expect(told.get(name)).not.toBe(port);
          if (type === 'deleted') told.delete(name);
          else told.set(name, port);
        });
      };
      for (const [index, { layer, name, port }] of steps.entries()) {
        if (index === begin) watch();
        if (port === undefined) layers[layer].delete(service(name));
        else layers[layer].put(service(name, port));
        if (port === undefined) model[layer].delete(name);
        else model[layer].set(name, port);
        if (index < begin) continue;
        const expected = new Map([...model].reverse().flatMap((objects) => [...objects]));
        expect(Object.fromEntries(told)).toEqual(Object.fromEntries(expected));
      }
    }),
    { numRuns: 500 },
  );
});
