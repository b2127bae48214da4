import type { Sample } from '../../lib/figures/exposition.ts';
import { noTraffic, sumTraffic, type Traffic, trafficOf } from '../../lib/figures/traffic.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { ServiceProfile } from '../../lib/kinds/service-profile.ts';
import type { Measurement } from '../stat/figures-source.ts';
import { formatTable } from '../stat/table.ts';
import { figures, statCells, type WorkloadStats } from '../stat/workload-stats.ts';

/** Which routes: those that requests to one Service take. */
export interface RouteFilter {
  readonly service: string;
  readonly namespace: string;
}

/** What callers counted on one route of a Service. */
export interface RouteStats {
  /** `[DEFAULT]` for requests that none of the profile's routes fits. */
  readonly route: string;
  readonly service: string;
  readonly namespace: string;
  readonly traffic: Traffic;
}

const defaultRoute = '[DEFAULT]';

/**
 * The traffic by route that the sidecars of `pods` counted for what their workloads call, and the routes of the called
 * Services' profiles that nobody took. Routes are in alphabetical order within their Service, the default one last.
 */
export function routeStats(
  { samples }: Measurement,
  pods: readonly Pod[],
  filter: RouteFilter | undefined,
  profiles: readonly ServiceProfile[] = [],
): RouteStats[] {
  const rows = new Map<string, RouteStats>();
  for (const pod of pods) {
    const counted = samples.get(pod);
    if (counted === undefined) continue;
    for (const [key, ofRoute] of byRoute(counted.samples, filter)) {
      const [namespace, service, route] = JSON.parse(key) as [string, string, string];
      const traffic = trafficOf(ofRoute, counted.windowMs, { direction: 'outbound' });
      rows.set(key, { namespace, service, route, traffic: sumTraffic([rows.get(key)?.traffic ?? noTraffic, traffic]) });
    }
  }
  const called = filter === undefined ? [...rows.values()] : [filter];
  for (const one of profiles) {
    const [service, namespace] = one.metadata.name.split('.');
    if (!called.some((each) => each.service === service && each.namespace === namespace)) continue;
    for (const route of [...(one.spec?.routes ?? []).map(({ name }) => name), defaultRoute]) {
      const key = JSON.stringify([namespace, service, route]);
      if (!rows.has(key)) rows.set(key, { namespace, service, route, traffic: noTraffic });
    }
  }
  return [...rows.values()].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

const sortKey = ({ namespace, service, route }: RouteStats): string =>
  [namespace, service, route === defaultRoute ? '1' : '0', route].join(' ');

/** The route metrics among samples, by Service and route, under the names that workloads' metrics have. */
function byRoute(samples: readonly Sample[], filter: RouteFilter | undefined): Map<string, Sample[]> {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { name, labels } = sample;
    if (!name.startsWith('route_response_') || labels.dst === undefined) continue;
    const [service, namespace = ''] = labels.dst.split(':')[0].split('.');
    if (filter !== undefined && (filter.service !== service || filter.namespace !== namespace)) continue;
    const key = JSON.stringify([namespace, service, labels.rt_route ?? defaultRoute]);
    const renamed = { ...sample, name: name.slice('route_'.length) };
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [renamed]);
    else group.push(renamed);
  }
  return groups;
}

const columns = ['ROUTE', 'SERVICE', 'SUCCESS', 'RPS', 'LATENCY_P50', 'LATENCY_P95', 'LATENCY_P99'] as const;

export function routesTable(stats: readonly RouteStats[]): string {
  const rows = stats.map((one) => {
    const [, ...cells] = statCells(asWorkload(one), false);
    return [one.route, one.service, ...cells.slice(0, columns.length - 2)];
  });
  return formatTable(columns, rows, 2);
}

export function routesJson(stats: readonly RouteStats[]): string {
  const rows = stats.map((one) => {
    const { success, rps, latencyMs } = figures(asWorkload(one));
    const { route, service, namespace } = one;
    return { route, service, namespace, success, rps, latencyMs };
  });
  return `${JSON.stringify(rows, null, 2)}\n`;
}

/** Rates and quantiles are told of routes as of workloads. */
const asWorkload = ({ namespace, route, traffic }: RouteStats): WorkloadStats => ({
  ...{ namespace, name: route, pods: 0, meshedPods: 0 },
  traffic,
});
