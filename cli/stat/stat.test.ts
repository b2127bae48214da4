import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExposition, type Sample } from '../../lib/figures/exposition.ts';
import { quantile } from '../../lib/figures/histogram.ts';
import { increases } from '../../lib/figures/increases.ts';
import { sumTraffic, type Traffic, trafficOf } from '../../lib/figures/traffic.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { parseDurationMs } from '../duration.ts';
import { run } from '../testing/run.ts';
import { withOwners } from './cluster-figures.ts';
import { callers, peerLabels, trafficOfWorkload } from './peer.ts';
import { ownerName, parseResource } from './resource.ts';
import { measurementBetween, type Scrape, scrapeAll } from './scrape.ts';
import { table } from './stat.ts';
import { formatTable } from './table.ts';

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

const trafficBetween = (before: Sample[], after: Sample[]): Traffic => trafficOf(increases(before, after), 1000);

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

it('a row has success, rate, latencies, connections and bytes, and dashes without traffic', () => {
  const traffic: Traffic = {
    successes: 19,
    failures: 1,
    rps: 2,
    buckets: new Map([
      [10, 20],
      [Number.POSITIVE_INFINITY, 20],
    ]),
    openConnections: 3,
    readBytesPerSecond: 1500,
    writeBytesPerSecond: 0.25,
  };
  const workload = { namespace: 'shop', name: 'web', pods: 2, meshedPods: 1 };
  const silent = { ...workload, name: 'db', traffic: trafficOf([], 1000) };
  expect(table([{ ...workload, traffic }, silent], { withNamespace: true, wide: true })).toBe(
    'NAMESPACE   NAME   MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN   READ_BYTES/SEC   WRITE_BYTES/SEC\n' +
      'shop        web       1/2    95.00%   2.0rps           5ms          10ms          10ms          3        1500.0B/s            0.3B/s\n' +
      'shop        db        1/2         -        -             -             -             -          -                -                 -\n',
  );
});

describe('pods that are scraped', () => {
  const pod = (name: string): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop' },
    spec: { initContainers: [{ name: 'tulle-proxy', readinessProbe: { httpGet: { port: 4291 } } }] },
  });
  const [web, db] = [pod('web-1'), pod('db-1')];
  const at = (atMs: number, text: string) => ({ samples: parseExposition(text), atMs });

  it('are asked at the port of their probe; one that fails is named with the reason', async () => {
    const scrape = await scrapeAll([web, db, { ...pod('plain'), spec: {} }], async ({ metadata }, port) => {
      if (metadata.name === 'db-1') throw new Error('did not answer');
      return `x_total ${port}\n`;
    });
    expect(scrape.samples.get(web)?.samples).toEqual([{ name: 'x_total', labels: {}, value: 4291 }]);
    expect([...scrape.silent]).toEqual([[db, 'did not answer']]);
    expect(scrape.samples.size).toBe(1);
  });

  it('have a rate by their own window, and none without a first scrape', () => {
    const counted = (value: number) => `response_total{direction="inbound",classification="success"} ${value}\n`;
    const before: Scrape = { samples: new Map([[web, at(1000, counted(10))]]), silent: new Map() };
    const after: Scrape = {
      samples: new Map([
        [web, at(3000, counted(30))],
        [db, at(3000, counted(99))],
      ]),
      silent: new Map(),
    };
    const measurement = measurementBetween(before, after);
    expect([...measurement.samples.keys()]).toEqual([web]);
    const workload = { namespace: 'shop', name: 'all', pods: [web, db] };
    const traffic = trafficOfWorkload(workload, parseResource(['deploy']), { kind: 'inbound' }, measurement);
    expect(traffic).toMatchObject({ successes: 20, rps: 10 });
  });

  it('count calls by who is called, for --to and --from', async () => {
    const calls = (target: string, value: number) =>
      `response_total{direction="outbound",dst_deployment="${target}",dst_namespace="shop",classification="success"} ${value}\n`;
    const measurement = {
      samples: new Map([[web, { samples: parseExposition(calls('db', 4) + calls('cache', 6)), windowMs: 2000 }]]),
      silent: new Map(),
    };
    const deployments = parseResource(['deploy']);
    const workload = (name: string, pods: Pod[]) => ({ namespace: 'shop', name, pods });
    const to = { kind: 'to', peer: parseResource(['deploy/cache']), namespace: 'shop' } as const;
    expect(trafficOfWorkload(workload('web', [web]), deployments, to, measurement).rps).toBe(3);
    const from = { kind: 'from', peer: parseResource(['deploy/web']), namespace: 'shop' } as const;
    expect(trafficOfWorkload(workload('db', [db]), deployments, from, measurement).rps).toBe(2);

    const source = {
      workloads: async () => [workload('web', [web])],
      measure: async () => measurement,
      profiles: async () => [],
      close: () => {},
    };
    expect(await callers(source, [workload('db', [db])], from)).toEqual([workload('web', [web])]);
    await expect(callers({ ...source, workloads: async () => [] }, [], from)).rejects.toThrow(
      '--from: no deployment/web in namespace shop',
    );
  });

  it('are called by labels that hang on the kind', () => {
    expect(peerLabels({ kind: 'job', name: 'once' }, 'shop')).toMatchObject({ dst_k8s_job: 'once' });
    expect(peerLabels({ kind: 'namespace', name: 'shop' }, 'x')).toEqual({
      direction: 'outbound',
      dst_namespace: 'shop',
    });
  });
});

it('pods of a ReplicaSet are pods of its Deployment', () => {
  const owned = (name: string, kind: string, owner: string): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', ownerReferences: [{ kind, name: owner }] },
  });
  const replicaSet = owned('web-abc', 'Deployment', 'web');
  const [web, other] = withOwners(
    [owned('web-abc-1', 'ReplicaSet', 'web-abc'), owned('x', 'StatefulSet', 'web-abc')],
    'ReplicaSet',
    [replicaSet],
  );
  expect(ownerName(web, 'deployment')).toBe('web');
  expect(ownerName(web, 'replicaset')).toBe('web-abc');
  expect(ownerName(other, 'deployment')).toBeUndefined();
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
