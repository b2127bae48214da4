import type { FigureQuery, GatewayRouteRow } from '../../lib/figures/query.ts';
import type { Bare } from '../../lib/figures/rows.ts';
import { groupAndVersion } from '../../lib/kinds/definition.ts';
import { gatewayGrpcRoute } from '../../lib/kinds/gateway-grpc-route.ts';
import { gatewayHttpRoute } from '../../lib/kinds/gateway-http-route.ts';
import { gatewayTcpRoute } from '../../lib/kinds/gateway-tcp-route.ts';
import { gatewayTlsRoute } from '../../lib/kinds/gateway-tls-route.ts';
import { httpRoute } from '../../lib/kinds/http-route.ts';
import type { RouteObject } from './directory.ts';

/** Routes that sidecars count by. */
export const routeKinds = [gatewayHttpRoute, httpRoute, gatewayGrpcRoute, gatewayTcpRoute, gatewayTlsRoute];

/** The kinds that a query calls `httproute`, `grpcroute`, `tcproute` or `tlsroute`: two groups have an HTTPRoute. */
export const routeKindsOf = (kind: string): typeof routeKinds =>
  routeKinds.filter((each) => each.kind.toLowerCase() === kind);

/** What a parent is that does not say it. */
const usualParent = (apiVersion: string | undefined): string =>
  apiVersion?.startsWith(`${httpRoute.group}/`) ? 'server' : 'gateway';

/** Parents that sidecars count by. A Gateway is none of theirs. */
const countedParents: ReadonlySet<string> = new Set(['service', 'egressnetwork', 'server']);

/** What has a row though nothing was counted: each route by each of its parents that the query is about. */
export function parentRows(routes: readonly RouteObject[], { to, from }: FigureQuery): Bare<GatewayRouteRow>[] {
  return routes.flatMap(({ apiVersion, metadata: { namespace = '', name }, spec }) =>
    (spec?.parentRefs ?? []).flatMap((parent) => {
      const row = {
        ...{ namespace, name, group: groupAndVersion(apiVersion ?? '')[0] },
        ...{ parentKind: (parent.kind ?? usualParent(apiVersion)).toLowerCase() },
        ...{ parentNamespace: parent.namespace ?? namespace, parent: parent.name },
        parentPort: parent.port === undefined ? '' : String(parent.port),
      };
      const isCounted = countedParents.has(row.parentKind) && (row.parentKind !== 'server' || !(to ?? from));
      const isCalled = to === undefined || (row.parent === to.name && row.parentNamespace === to.namespace);
      return isCounted && isCalled ? [row] : [];
    }),
  );
}
