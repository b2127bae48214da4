import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDurationMs } from '../duration.ts';
import { run } from '../testing/run.ts';
import { parseExposition } from './exposition.ts';
import { parseResource } from './resource.ts';
import { formatTable } from './table.ts';
import { quantile, sumTraffic, trafficBetween } from './traffic.ts';
import { statRow } from './workload-stats.ts';

describe('the exposition format', () => {
  it('gives names, labels and values; escapes are undone', () => {
    const text = `# HELP a b\n# TYPE a counter\na{x="1",y="q\\"\\\\\\n,}"} 2\nb 3.5\nc_bucket{le="+Inf"} +Inf\n`;
    expect(parseExposition(text)).toEqual([
      { name: 'a', labels: { x: '1', y: 'q"\\\n,}' }, value: 2 },
      { name: 'b', labels: {}, value: 3.5 },
      { name: 'c_bucket', labels: { le: '+Inf' }, value: Number.POSITIVE_INFINITY },
    ]);
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseExposition(text))));
  });
});

describe('traffic between two scrapes', () => {
  const response = (classification: string, value: number, direction = 'inbound') =>
    `response_total{direction="${direction}",classification="${classification}"} ${value}\n`;

  it('is the increase of inbound counters', () => {
    const before = parseExposition(response('success', 10) + response('failure', 1));
    const after = parseExposition(
      response('success', 25) + response('failure', 3) + response('success', 99, 'outbound'),
    );
    expect(trafficBetween(before, after)).toMatchObject({ successes: 15, failures: 2 });
  });

  it('counts from zero after a restart of the proxy, and for series that are new', () => {
    const before = parseExposition(response('success', 10));
    const after = parseExposition(response('success', 4) + response('failure', 2));
    expect(trafficBetween(before, after)).toMatchObject({ successes: 4, failures: 2 });
  });

  it('sums over pods, histograms too', () => {
    const buckets = (small: number, all: number) =>
      parseExposition(
        `response_latency_ms_bucket{direction="inbound",le="1"} ${small}\n` +
          `response_latency_ms_bucket{direction="inbound",le="+Inf"} ${all}\n` +
          'tcp_open_connections{direction="inbound",peer="src"} 2\n',
      );
    const sum = sumTraffic([trafficBetween([], buckets(1, 2)), trafficBetween([], buckets(3, 3))]);
    expect(sum.openConnections).toBe(4);
    expect([...sum.buckets]).toEqual([
      [1, 4],
      [Number.POSITIVE_INFINITY, 5],
    ]);
  });
});

describe('quantile', () => {
  const buckets = new Map([
    [1, 0],
    [2, 50],
    [4, 100],
    [Number.POSITIVE_INFINITY, 100],
  ]);

  it('interpolates within its bucket', () => {
    expect(quantile(buckets, 0)).toBe(1);
    expect(quantile(buckets, 0.25)).toBe(1.5);
    expect(quantile(buckets, 0.5)).toBe(2);
    expect(quantile(buckets, 0.75)).toBe(3);
  });

  it('is unknown without observations, and the last bound for what lies above', () => {
    expect(quantile(new Map(), 0.5)).toBeUndefined();
    expect(quantile(new Map([[1, 0], [Number.POSITIVE_INFINITY, 9]]), 0.5)).toBe(1); // biome-ignore format: a histogram
  });

  it('rises with q', () => {
    const histogram = fc.array(fc.nat(100), { minLength: 1, maxLength: 8 }).map((counts) => {
      let sum = 0;
      return new Map(
        counts.map((count, index) => {
          sum += count;
          return [2 ** index, sum];
        }),
      );
    });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(histogram, share, share, (some, a, b) => {
        const [low, high] = [quantile(some, Math.min(a, b)), quantile(some, Math.max(a, b))];
        return low === undefined || (high as number) >= low;
      }),
    );
  });
});

it('a row has success, rate, latencies and connections, and dashes without traffic', () => {
  const traffic = {
    successes: 19,
    failures: 1,
    buckets: new Map([
      [10, 20],
      [Number.POSITIVE_INFINITY, 20],
    ]),
    openConnections: 3,
  };
  const workload = { namespace: 'shop', name: 'web', pods: 2, meshedPods: 1 };
  expect(statRow({ ...workload, traffic }, 10_000)).toEqual([
    ...['web', '1/2', '95.00%', '2.0rps', '5ms', '10ms', '10ms', '3'],
  ]);
  const silent = { successes: 0, failures: 0, buckets: new Map(), openConnections: 0 };
  expect(statRow({ ...workload, traffic: silent }, 10_000)).toEqual(['web', '1/2', '-', '-', '-', '-', '-', '-']);
});

it('a table has its columns under each other', () => {
  expect(
    formatTable(
      ['NAME', 'RPS'],
      [
        ['web', '10.0rps'],
        ['voting', '-'],
      ],
    ),
  ).toBe(
    // biome-ignore format: a table
    'NAME         RPS\nweb      10.0rps\nvoting         -\n',
  );
});

it('resources are kinds by any of their names, with or without a name', () => {
  expect(parseResource(['deploy'])).toEqual({ kind: 'deployment', name: undefined });
  expect(parseResource(['po/web-0'])).toEqual({ kind: 'pod', name: 'web-0' });
  expect(parseResource(['sts', 'db'])).toEqual({ kind: 'statefulset', name: 'db' });
  expect(() => parseResource(['house'])).toThrow("'house' must be a kind of resource: deployment, ");
});

it('durations have units', () => {
  expect(parseDurationMs('--for', '30s')).toBe(30_000);
  expect(parseDurationMs('--for', '1.5m')).toBe(90_000);
  expect(() => parseDurationMs('--for', '30')).toThrow('--for (30) must be a duration');
});

it('without a local mesh it says how to start one', async () => {
  const { error } = await run(['stat', 'deploy', '--state', '/nowhere/at/all']).catch((failure) => failure);
  expect(error.message).toContain("start one with 'tulle local dist'");
});
