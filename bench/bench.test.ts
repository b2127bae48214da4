import { describe, expect, it } from 'vitest';
import { warmAndEnd } from './growth.ts';
import { parseH2load } from './load/h2load.ts';
import { median, percentile } from './measure/statistics.ts';
import { memoryTable, scenarioTable, verdicts } from './report.ts';
import type { Sample } from './run-scenario.ts';
import { scenarios } from './scenarios.ts';

const sample = (cpu: number): Sample => ({ cpu, throughput: 1e6 / cpu });
const hop = scenarios[0];
const rounds = [
  new Map([['Tulle', sample(10)], ['Envoy', sample(20)], ['HAProxy', sample(5)]]), // biome-ignore format: a round
  new Map([['Tulle', sample(30)], ['Envoy', sample(40)], ['HAProxy', sample(20)]]), // biome-ignore format: a round
  new Map([['Tulle', sample(12)], ['Envoy', sample(20)], ['HAProxy', sample(10)]]), // biome-ignore format: a round
];

it('the median is of the middle, the percentile of its share', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
  expect(() => median([])).toThrow('the median of nothing');
  expect([percentile([1, 2, 3, 4], 0.5), percentile([1, 2, 3, 4], 1)]).toEqual([3, 4]);
});

it('growth is from the second tenth of the time to the last, whatever single samples say', () => {
  const samples = Array.from({ length: 100 }, (_, at) => (at < 10 ? 0 : at % 10 === 3 ? 999 : 50 + at));
  expect(warmAndEnd(samples)).toEqual({ warm: 65.5, end: 145.5 });
  expect(warmAndEnd([7])).toEqual({ warm: 7, end: 7 });
});

describe('h2load’s summary', () => {
  const text = (requests: string, statuses: string) =>
    `finished in 1.58s, 63000.10 req/s, 9MB/s\nrequests: ${requests}\nstatus codes: ${statuses}\n`;

  it('gives requests and seconds', () => {
    const good = text(
      '100000 total, 100000 started, 100000 done, 100000 succeeded, 0 failed, 0 errored, 0 timeout',
      '100000 2xx, 0 3xx, 0 4xx, 0 5xx',
    );
    expect(parseH2load(good)).toEqual({ requests: 100_000, seconds: 1.58 });
  });

  it('takes answers without a reason phrase, which h2load calls failed', () => {
    const unnamed = text(
      '10 total, 10 started, 10 done, 0 succeeded, 10 failed, 0 errored, 0 timeout',
      '0 2xx, 0 3xx, 0 4xx, 0 5xx',
    );
    expect(parseH2load(unnamed).requests).toBe(10);
  });

  it.each([
    ['10 total, 10 started, 9 done, 9 succeeded, 1 failed, 1 errored, 0 timeout', '9 2xx, 0 3xx, 0 4xx, 0 5xx'],
    ['10 total, 10 started, 10 done, 9 succeeded, 1 failed, 0 errored, 0 timeout', '9 2xx, 0 3xx, 0 4xx, 1 5xx'],
  ])('refuses a run in which requests failed: %s', (requests, statuses) => {
    expect(() => parseH2load(text(requests, statuses))).toThrow('not all of 10 requests succeeded');
  });
});

describe('the report', () => {
  it('compares within rounds, and takes the median of the ratios', () => {
    expect(verdicts(hop, rounds)).toEqual([
      { holds: true, text: "http1-hop: cpu 0.60 × Envoy's (at most 0.6)" },
      { holds: false, text: "http1-hop: cpu 1.50 × HAProxy's (at most 1.4)" },
    ]);
  });

  it('leaves out limits against peers that were not measured', () => {
    const alone = rounds.map((round) => new Map([...round].filter(([name]) => name !== 'HAProxy')));
    expect(verdicts(hop, alone)).toHaveLength(1);
  });

  it('holds a number of its own whatever others do, by the median of the rounds', () => {
    const hole = scenarios.find(({ blackHole }) => blackHole === 'hole')!;
    const added = (...ms: number[]) =>
      ms.map((value) => new Map([['Tulle', { ...sample(10), addedP99Us: value * 1000 }]]));
    expect(verdicts(hole, added(3, 21, 19))).toEqual([
      { holds: true, text: 'http1-hop-hole: added p99 19.0 ms (at most 20)' },
    ]);
    expect(verdicts(hole, added(900))).toMatchObject([{ holds: false }]);
    expect(verdicts(hole, [])).toEqual([]);
  });

  it('holds no ratio to a peer that came out as adding nothing, unless Tulle added no more', () => {
    const minute = scenarios.find(({ id }) => id === 'http1-chain-minute')!;
    const round = (own: number, envoy: number) =>
      new Map([['Tulle', { ...sample(10), addedP999Us: own }], ['Envoy', { ...sample(10), addedP999Us: envoy }]]); // biome-ignore format: a round
    expect(verdicts(minute, [round(142, -4403)])).toMatchObject([{ holds: false }]);
    expect(verdicts(minute, [round(-4500, -4403)])).toMatchObject([{ holds: true }]);
  });

  it('has a row for each proxy', () => {
    const table = scenarioTable(hop, rounds);
    expect(table).toContain('| Tulle | 12.0 | 10.0-30.0 |');
    expect(table).toContain('| Envoy | 20.0 | 20.0-40.0 | 50000 | 0.60 |');
  });

  it('has memory in megabytes, with ratios', () => {
    const memory = (mb: number) => ({ rss: mb * 1e6, pss: mb * 5e5, private: mb * 1e5 });
    const idle = new Map([['Tulle', memory(40)], ['Envoy', memory(60)]]); // biome-ignore format: a table
    const loaded = new Map([['Tulle', memory(60)], ['Envoy', memory(120)]]); // biome-ignore format: a table
    expect(memoryTable(idle, loaded)).toContain('| Envoy | 60 / 30 / 6 | 120 / 60 / 12 | 0.50 / 0.50 / 0.50 |');
  });
});
