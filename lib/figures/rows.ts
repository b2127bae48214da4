import type { FigureQuery, GatewayRouteRow, RouteRow, RowsBy, Subject, WorkloadRow } from './query.ts';
import { defaultRoute, edgeOf, isService, type RowNames, triesOf } from './selection.ts';
import { type CountedRows, rowKey, rowNames } from './sidecar-fold.ts';
import { noTraffic, sumTraffic, type Traffic } from './traffic.ts';

/** What a row is of before anything is counted. */
export type Bare<Row> = Omit<Row, 'traffic' | 'tries'>;

/** What has rows whether or not it has traffic. */
export interface KnownRows {
  /** The subject's workloads, or its pods: the rows of a query by those, in their order. */
  readonly workloads: readonly Bare<WorkloadRow>[];
  /** Routes of profiles; those of Services that were called, or asked for, have rows. */
  readonly routes: readonly Bare<RouteRow>[];
  /** Routes of the subject, each by its parents; undefined where they are not known, and all that were counted are told. */
  readonly gatewayRoutes: readonly Bare<GatewayRouteRow>[] | undefined;
}

interface Total {
  readonly traffic: Traffic;
  readonly requests: number;
  readonly connections: number;
}
const nothing: Total = { traffic: noTraffic, requests: 0, connections: 0 };

/** What several sidecars counted, each in a window of its own, since many are not asked at once. */
export class RowTotals {
  private readonly totals = new Map<string, Total>();

  add(counted: CountedRows, windowMs: number | undefined): void {
    for (const [key, one] of counted) {
      const { traffic, requests, connections } = this.totals.get(key) ?? nothing;
      this.totals.set(key, {
        traffic: sumTraffic([traffic, one.traffic(windowMs)]),
        requests: requests + one.requests,
        connections: connections + one.connections,
      });
    }
  }

  /** Rows of workloads are in the order of `known`, all others in that of their names, the default route last. */
  rows<By extends keyof RowsBy>(query: FigureQuery<By>, known: KnownRows): RowsBy[By][] {
    return this.rowsBy(query, known) as RowsBy[By][];
  }

  private rowsBy({ by, to }: FigureQuery, { workloads, routes, gatewayRoutes }: KnownRows): RowsBy[keyof RowsBy][] {
    switch (by) {
      case 'workload':
      case 'pod':
        return workloads.map((bare) => ({ ...bare, traffic: this.trafficOf([bare.namespace, bare.name]) }));
      case 'route':
        return this.routes(routes, to);
      case 'authority':
        return this.sorted().map((names) => ({ authority: names[0], traffic: this.trafficOf(names) }));
      case 'authorization':
        return this.sorted().map((names) => {
          const [server, route, authorization] = names;
          return { server, route, authorization, traffic: this.trafficOf(names) };
        });
      case 'inboundRoute':
        return this.sorted().map((names) => {
          const [namespace, name, server, route, kind, group] = names;
          return { namespace, name, server, route, kind, group, traffic: this.trafficOf(names) };
        });
      case 'outboundRoute':
        return this.sorted().map((names) => {
          const [namespace, name, service, serviceNamespace, route, kind, group, backend] = names;
          const called = { service, serviceNamespace, route, kind, group, backend };
          return { namespace, name, ...called, traffic: this.trafficOf(names) };
        });
      case 'gatewayRoute':
        return this.gatewayRoutes(gatewayRoutes);
      case 'edge':
        return this.sorted()
          .map((names) => {
            const { requests = 0, connections = 0 } = this.totals.get(rowKey(names)) ?? {};
            return { ...edgeOf(names), requests, connections };
          })
          .filter(({ requests, connections }) => requests > 0 || connections > 0);
    }
  }

  private routes(known: readonly Bare<RouteRow>[], to: Subject | undefined): RouteRow[] {
    const counted = this.sorted()
      .filter(({ length }) => length === 3)
      .map(([namespace, service, route]) => ({ namespace, service, route }));
    const isCalled = ({ service, namespace }: Bare<RouteRow>): boolean =>
      to === undefined
        ? counted.some((each) => each.service === service && each.namespace === namespace)
        : isService(to, service, namespace);
    const unused = known.filter(
      ({ namespace, service, route }) =>
        !this.totals.has(rowKey([namespace, service, route])) && isCalled({ namespace, service, route }),
    );
    return [...counted, ...unused]
      .sort((a, b) => (routeOrder(a) < routeOrder(b) ? -1 : 1))
      .map((bare) => {
        const names = [bare.namespace, bare.service, bare.route];
        return { ...bare, traffic: this.trafficOf(names), tries: this.trafficOf(triesOf(names)) };
      });
  }

  /** A route that names no port of its parent has a row of its own only where it was counted at none of them. */
  private gatewayRoutes(known: readonly Bare<GatewayRouteRow>[] | undefined): GatewayRouteRow[] {
    const routeKey = ({ namespace, name, group }: Bare<GatewayRouteRow>): string => rowKey([namespace, name, group]);
    const names = known && new Set(known.map(routeKey));
    const counted = this.sorted()
      .map((each) => ({ ...grouped(gatewayRouteOf(each), known), traffic: this.trafficOf(each) }))
      .filter((row) => names === undefined || names.has(routeKey(row)));
    const has = new Set(counted.flatMap((row) => [gatewayRouteKey(row), gatewayRouteKey({ ...row, parentPort: '' })]));
    const unused = (known ?? []).filter((bare) => !has.has(gatewayRouteKey(bare)));
    const all = [...counted, ...unused.map((bare) => ({ ...bare, traffic: noTraffic }))];
    return all.sort((a, b) => (gatewayRouteKey(a) < gatewayRouteKey(b) ? -1 : 1));
  }

  private trafficOf(names: RowNames): Traffic {
    return this.totals.get(rowKey(names))?.traffic ?? noTraffic;
  }

  private sorted(): RowNames[] {
    return [...this.totals.keys()].sort().map(rowNames);
  }
}

/** A sidecar that tells no group means the only one that has such a route, or either. */
function grouped(row: Bare<GatewayRouteRow>, known: readonly Bare<GatewayRouteRow>[] = []): Bare<GatewayRouteRow> {
  if (row.group !== '') return row;
  const found = known.find(({ namespace, name }) => namespace === row.namespace && name === row.name);
  return { ...row, group: found?.group ?? '' };
}

const gatewayRouteKey = (row: Bare<GatewayRouteRow>): string =>
  rowKey([row.namespace, row.name, row.group, row.parentKind, row.parentNamespace, row.parent, row.parentPort]);

function gatewayRouteOf(names: RowNames): Bare<GatewayRouteRow> {
  const [namespace, name, parentKind, parentNamespace, parent, parentPort, group] = names;
  return { namespace, name, group, parentKind, parentNamespace, parent, parentPort };
}

const routeOrder = ({ namespace, service, route }: Bare<RouteRow>): string =>
  [namespace, service, route === defaultRoute ? '1' : '0', route].join(' ');
