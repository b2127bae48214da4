import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { type Measurement, Measurements } from './measurements.ts';

const scrapeOf = (text: string, into = new Measurements()): Measurement[] => {
  into.begin();
  return [...into.of(text)];
};

const counter = (value: number, labels = ''): string => `# HELP a A.\n# TYPE a counter\na${labels} ${value}\n`;

describe('a counter', () => {
  it('is told as what it has grown by, and not at all when it has not', () => {
    const measurements = new Measurements();
    expect(scrapeOf(counter(5), measurements)).toEqual([{ name: 'a', labels: '', kind: 'c', value: 5, count: 1 }]);
    expect(scrapeOf(counter(5), measurements)).toEqual([]);
    expect(scrapeOf(counter(7), measurements)).toMatchObject([{ value: 2 }]);
  });

  it('that counts from 0 again is told as what it has now', () => {
    const measurements = new Measurements();
    scrapeOf(counter(5), measurements);
    expect(scrapeOf(counter(3), measurements)).toMatchObject([{ value: 3 }]);
  });

  it('keeps its labels as they are written, whatever stands in them', () => {
    const labels = '{a="x y} 1",b="\\"q\\""}';
    expect(scrapeOf(counter(1, labels))).toMatchObject([{ name: 'a', labels: labels.slice(1, -1), value: 1 }]);
  });
});

it('a gauge is told when it is another, and every tenth time for a server that was not there', () => {
  const measurements = new Measurements();
  const told = [3, 3, 4, ...Array<number>(8).fill(4)].map((value) =>
    scrapeOf(`# TYPE g gauge\ng ${value}\n`, measurements).map((measured) => measured.value),
  );
  expect(told).toEqual([[3], [], [4], [], [], [], [], [], [], [], [4]]);
});

it('values of a histogram come out as often as they were measured, each as the bound that it is below', () => {
  const bounds = [1, 5, 10];
  fc.assert(
    fc.property(fc.array(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 30 }), { maxLength: 5 }), (rounds) => {
      const registry = new MetricsRegistry(() => 0);
      const family = registry.histogram('size_bytes', 'Size.', bounds);
      const [one, two] = [family.histogram({ of: 'one' }), family.histogram({ of: 'two' })];
      const measurements = new Measurements();
      for (const values of rounds) {
        for (const value of values) (value % 2 === 0 ? one : two).observe(value);
        const told: string[] = [];
        for (const { name, labels, kind, value, count } of scrapeOf([...registry.pieces()].join(''), measurements)) {
          if (name === 'size_bytes') for (let i = 0; i < count; i++) told.push(`${kind} ${labels} ${value}`);
        }
        const bound = (value: number): number => bounds.find((upper) => value <= upper) ?? 10;
        const expected = values.map((value) => `h of="${value % 2 === 0 ? 'one' : 'two'}" ${bound(value)}`);
        expect(told.sort()).toEqual(expected.sort());
      }
    }),
  );
});

it('times are in milliseconds, whatever their histogram counts in', () => {
  const registry = new MetricsRegistry(() => 0);
  registry.histogram('a_seconds', 'A.', [0.5]).histogram({}).observe(0.1);
  registry.histogram('b_ms', 'B.', [20]).histogram({}).observe(7);
  const times = scrapeOf([...registry.pieces()].join('')).filter(({ kind }) => kind === 'ms');
  expect(times.map(({ name, value }) => [name, value])).toEqual([
    ['a_seconds', 500],
    ['b_ms', 20],
  ]);
});

it('series that are not told any more are forgotten', () => {
  const measurements = new Measurements();
  for (let i = 0; i < 500; i++) scrapeOf(counter(1, `{of="${i}"}`), measurements);
  expect(measurements.size).toBeLessThan(100);
});
