import { expect, it } from 'vitest';
import { exemplarMark } from './exemplar.ts';
import { Exemplars } from './exemplars.ts';
import { Buckets, LatencyHistogram } from './histogram.ts';
import { openMetrics } from './openmetrics.ts';
import { MetricsRegistry } from './registry.ts';
import { TraceId } from './trace/ids.ts';

async function written(...pieces: string[]): Promise<string> {
  let text = '';
  for await (const piece of openMetrics(pieces)) text += piece;
  return text;
}

const family = (name: string, type: string): string => `# HELP ${name} Help.\n# TYPE ${name} ${type}\n`;

it.each<[string, string, string]>([
  ['a counter without its _total', family('a_total', 'counter'), '# HELP a Help.\n# TYPE a counter\n'],
  ['a counter that has none as of no known type', family('a', 'counter'), '# HELP a Help.\n# TYPE a unknown\n'],
  ['a gauge as it is', family('a_total', 'gauge'), '# HELP a_total Help.\n# TYPE a_total gauge\n'],
  [
    'the unit in which a name ends',
    family('a_seconds', 'histogram') + family('b_bytes_total', 'counter'),
    '# HELP a_seconds Help.\n# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n' +
      '# HELP b_bytes Help.\n# TYPE b_bytes counter\n# UNIT b_bytes bytes\n',
  ],
  ['quotes in a help', '# HELP a Of "b".\n# TYPE a gauge\n', '# HELP a Of \\"b\\".\n# TYPE a gauge\n'],
  ['samples of counters with their _total', 'a_total{b="c"} 1\n', 'a_total{b="c"} 1\n'],
  [
    'bounds with a fraction',
    'a_bucket{le="1"} 1\na_bucket{b="c",le="0.5"} 1\n',
    'a_bucket{le="1.0"} 1\na_bucket{b="c",le="0.5"} 1\n',
  ],
  [
    'no bound in a label of another name',
    'a{role="1"} 1\na{b="x,le=\\"1\\"}"} 1\n',
    'a{role="1"} 1\na{b="x,le=\\"1\\"}"} 1\n',
  ],
  ['infinity as it is', 'a_bucket{le="+Inf"} 1\n', 'a_bucket{le="+Inf"} 1\n'],
])('writes %s', async (_name, text, expected) => expect(await written(text)).toBe(`${expected}# EOF\n`));

it('ends once, behind all pieces', async () => {
  expect(await written('a 1\n', 'b 1\n')).toBe('a 1\nb 1\n# EOF\n');
  expect(await written()).toBe('# EOF\n');
});

const traceId = new TraceId(0x4bf92f35, 0x77b34da6, 0xa3ce929d | 0, 0x0e0e4736);

it('a bucket tells the latest trace of its values where that is asked for', () => {
  const exemplars = new Exemplars();
  const buckets = new Buckets([1, 5]);
  const count = (value: number, trace: TraceId | undefined, wallMs: number) => {
    const bucket = buckets.add(value);
    if (trace !== undefined) exemplars.put(buckets, bucket, value, trace, wallMs);
  };
  count(0.5, undefined, 0);
  expect(buckets.exemplars).toBeUndefined();
  count(2, new TraceId(0, 0, 0, 1), 1000);
  count(3, traceId, 1_500_000_001_002);
  count(4, undefined, 0);
  const mark = `${exemplarMark}${traceId}"} 3 1500000001.002`;
  expect(buckets.lines('a', 'b="c"', true)).toBe(
    `a_bucket{b="c",le="1"} 1\na_bucket{b="c",le="5"} 4${mark}\na_bucket{b="c",le="+Inf"} 4\na_sum{b="c"} 9.5\na_count{b="c"} 4\n`,
  );
  expect(buckets.lines('a', '')).not.toContain('#');
});

it('holds so many exemplars of all histograms, and gives up those that were first', () => {
  const exemplars = new Exemplars(3);
  const all = Array.from({ length: 5 }, () => new LatencyHistogram());
  for (const buckets of all) exemplars.put(buckets, buckets.add(7), 7, traceId, 0);
  const told = () => all.map((buckets) => buckets.exemplars?.filter((each) => each !== undefined).length);
  expect(told()).toEqual([0, 0, 1, 1, 1]);
  // One that a bucket has is replaced, and takes no other's place.
  for (let i = 0; i < 10; i++) exemplars.put(all[4], all[4].add(8), 8, traceId, i);
  expect(told()).toEqual([0, 0, 1, 1, 1]);
  for (let ms = 1; ms <= 3; ms++) exemplars.put(all[0], all[0].add(ms), ms, traceId, 0);
  expect(told()).toEqual([3, 0, 0, 0, 0]);
});

it('a scrape without exemplars is the same whether there are any', () => {
  const scrape = (trace: boolean) => {
    const registry = new MetricsRegistry(() => 0);
    const exemplars = new Exemplars();
    const source = {
      exemplify: (buckets: Buckets, bucket: number, value: number) => exemplars.put(buckets, bucket, value, traceId, 0),
    };
    const metrics = registry.requestMetrics({ direction: 'inbound' });
    metrics.response(0, 200, 'success', -1, undefined, 3, trace ? source : undefined);
    return { plain: [...registry.pieces()].join(''), full: [...registry.pieces(true)].join('') };
  };
  const [without, traced] = [scrape(false), scrape(true)];
  expect(traced.plain).toBe(without.plain);
  expect(without.full).toBe(without.plain);
  expect(traced.full.replaceAll(/ # \{.*$/gm, '')).toBe(without.plain);
  expect(traced.full).toContain(`status_code="200",le="3"} 1${exemplarMark}${traceId}"} 3 0.000\n`);
});
