import { expect, it } from 'vitest';
import { noTraffic, type Traffic } from '../../lib/figures/traffic.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import { parseDurationMs } from '../duration.ts';
import { withOwners } from '../figures/cluster-directory.ts';
import { ownerName, parseCalled, parseMeasured, parseResource } from '../resource.ts';
import { formatTable } from '../table.ts';
import { run } from '../testing/run.ts';
import { table } from './stat.ts';

it('a row has success, rate, latencies, connections and bytes, and dashes without traffic', () => {
  const traffic: Traffic = {
    successes: 19,
    failures: 1,
    timeouts: 0,
    retries: 0,
    rps: 2,
    deniedPerSecond: 0,
    buckets: new Map([
      [10, 20],
      [Number.POSITIVE_INFINITY, 20],
    ]),
    openConnections: 3,
    openedPerSecond: 0,
    readBytesPerSecond: 1500,
    writeBytesPerSecond: 0.25,
  };
  const workload = { namespace: 'shop', name: 'web', pods: 2, meshedPods: 1 };
  const silent = { ...workload, name: 'db', traffic: noTraffic };
  expect(table([{ ...workload, traffic }, silent], { withNamespace: true, wide: true })).toBe(
    'NAMESPACE   NAME   MESHED   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99   TCP_CONN   READ_BYTES/SEC   WRITE_BYTES/SEC\n' +
      'shop        web       1/2    95.00%   2.0rps           5ms          10ms          10ms          3        1500.0B/s            0.3B/s\n' +
      'shop        db        1/2         -        -             -             -             -          -                -                 -\n',
  );
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

it('a cell cannot move the cursor of the terminal that it is printed to', () => {
  expect(formatTable(['ROUTE'], [['\u001b[2J\rx']])).toBe('ROUTE\n\ufffd[2J\ufffdx\n');
});

it('resources are kinds by any of their names, with or without a name', () => {
  expect(parseResource(['deploy'])).toEqual({ kind: 'deployment', name: undefined });
  expect(parseResource(['po/web-0'])).toEqual({ kind: 'pod', name: 'web-0' });
  expect(parseResource(['sts', 'db'])).toEqual({ kind: 'statefulset', name: 'db' });
  expect(parseMeasured(['svc/web'])).toEqual({ kind: 'service', name: 'web' });
  expect(() => parseResource(['svc/web'])).toThrow("'svc' must be a kind of resource: deployment, ");
  expect(() => parseResource(['house'])).toThrow("'house' must be a kind of resource: deployment, ");
});

it('resources are written as kubectl prints and takes them: with their group, a version, in any case', () => {
  for (const text of ['deployment.apps/web', 'deployments.v1.apps/web', 'Deployment/web', 'DEPLOY.Apps/web']) {
    expect(parseMeasured([text])).toEqual({ kind: 'deployment', name: 'web' });
  }
  expect(parseMeasured(['cronjobs.batch', 'tidy'])).toEqual({ kind: 'cronjob', name: 'tidy' });
  for (const group of ['gateway.networking.k8s.io', 'policy.linkerd.io']) {
    expect(parseMeasured([`httproute.${group}/a`])).toEqual({ kind: 'httproute', name: 'a' });
  }
  expect(parseCalled(['Service/web'])).toEqual({ kind: 'service', name: 'web' });
  expect(parseMeasured(['pods.v1'])).toEqual({ kind: 'pod', name: undefined });
  for (const text of ['deploy.batch/web', 'pod.apps', 'rollouts.argoproj.io/web', 'deploy.', 'svc.apps']) {
    expect(() => parseMeasured([text]), text).toThrow('must be a kind of resource');
  }
});

it('a slash without a name, or two, is no resource: it would be taken for all of them', () => {
  for (const text of ['deploy/', 'deploy//web', 'deploy/web/api', 'deploy.apps/']) {
    expect(() => parseResource([text]), text).toThrow(`'${text}' must be a kind, or kind/name: deploy`);
  }
  for (const text of ['svc', 'svc/']) expect(() => parseCalled([text])).toThrow(/'svc\/?' must /);
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
