import { expect, it } from 'vitest';
import { parseExposition } from '../../lib/figures/exposition.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { ServiceProfile } from '../../lib/kinds/service-profile.ts';
import type { Measurement } from '../stat/figures-source.ts';
import { run } from '../testing/run.ts';
import { routeStats, routesJson, routesTable } from './route-stats.ts';

const responses = (service: string, route: string | undefined, successes: number, failures: number) => {
  const labels = `direction="outbound",dst="${service}.shop.svc.cluster.local:8080"${route ? `,rt_route="${route}"` : ''}`;
  return (
    `route_response_total{${labels},status_code="200",classification="success"} ${successes}\n` +
    `route_response_total{${labels},status_code="200",classification="failure",grpc_status="13"} ${failures}\n` +
    `route_response_latency_ms_bucket{${labels},status_code="200",le="10"} ${successes + failures}\n` +
    `route_response_latency_ms_bucket{${labels},status_code="200",le="+Inf"} ${successes + failures}\n`
  );
};
const pod = (name: string): Pod => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop' } });
const windowMs = 10_000;
/** What sidecars counted, each in a window of 10 s. */
function measured(...texts: string[]): { measurement: Measurement; pods: Pod[] } {
  const pods = texts.map((_, i) => pod(`web-${i}`));
  const samples = new Map(pods.map((one, i) => [one, { samples: parseExposition(texts[i]), windowMs }]));
  return { measurement: { samples, silent: new Map() }, pods };
}

it('each route has its row, the default one comes last, and one that nobody took has dashes', () => {
  const { measurement, pods } = measured(
    responses('voting', undefined, 2, 0) +
      responses('voting', 'VoteDoughnut', 0, 2) +
      responses('voting', 'Vote', 30, 10) +
      responses('emoji', 'ListAll', 20, 0) +
      responses('emoji', 'FindByShortcode', 0, 0),
  );
  expect(routesTable(routeStats(measurement, pods, undefined))).toBe(
    [
      'ROUTE             SERVICE   SUCCESS      RPS   LATENCY_P50   LATENCY_P95   LATENCY_P99',
      'FindByShortcode   emoji           -        -             -             -             -',
      'ListAll           emoji     100.00%   2.0rps           5ms          10ms          10ms',
      'Vote              voting     75.00%   4.0rps           5ms          10ms          10ms',
      'VoteDoughnut      voting      0.00%   0.2rps           5ms          10ms          10ms',
      '[DEFAULT]         voting    100.00%   0.2rps           5ms          10ms          10ms',
      '',
    ].join('\n'),
  );
});

it('what several callers counted is summed, of the Service that is asked for alone', () => {
  const one = responses('voting', 'Vote', 3, 1) + responses('emoji', 'ListAll', 9, 0);
  const { measurement, pods } = measured(one, one);
  const stats = routeStats(measurement, pods, { service: 'voting', namespace: 'shop' });
  expect(stats).toMatchObject([{ route: 'Vote', service: 'voting', traffic: { successes: 6, failures: 2 } }]);
  expect(routeStats(measurement, pods, { service: 'voting', namespace: 'other' })).toEqual([]);
});

it('routes of the called Services that nobody took have their rows, the default one too', () => {
  const { measurement, pods } = measured(responses('voting', 'Vote', 3, 1));
  const profile = (service: string): ServiceProfile => ({
    apiVersion: 'linkerd.io/v1alpha2',
    kind: 'ServiceProfile',
    metadata: { name: `${service}.shop.svc.cluster.local`, namespace: 'shop' },
    spec: {
      routes: [
        { name: 'Vote', condition: {} },
        { name: 'Results', condition: {} },
      ],
    },
  });
  const routes = (filter?: { service: string; namespace: string }) =>
    routeStats(measurement, pods, filter, [profile('voting'), profile('emoji')]).map(
      ({ service, route, traffic }) => `${service} ${route} ${traffic.successes}`,
    );
  expect(routes()).toEqual(['voting Results 0', 'voting Vote 3', 'voting [DEFAULT] 0']);
  expect(routes({ service: 'emoji', namespace: 'shop' })).toEqual([
    'emoji Results 0',
    'emoji Vote 0',
    'emoji [DEFAULT] 0',
  ]);
});

it('programs get numbers', () => {
  const { measurement, pods } = measured(responses('voting', 'Vote', 3, 1));
  expect(JSON.parse(routesJson(routeStats(measurement, pods, undefined)))).toMatchObject([
    { route: 'Vote', service: 'voting', namespace: 'shop', success: 0.75, rps: 0.4, latencyMs: { p50: 5 } },
  ]);
});

it('without a local mesh it says how to start one', async () => {
  const { error } = await run(['routes', 'deploy/web', '--state', '/nowhere/at/all']).catch((failure) => failure);
  expect(error.message).toContain("start one with 'tulle local dist'");
});
