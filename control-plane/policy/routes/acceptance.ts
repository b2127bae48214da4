import type { GrantIndex } from '../index/grant-index.ts';
import type { IndexedRoute, RouteIndex, RouteKind } from '../index/route-index.ts';
import type { FaultLookup } from './faults.ts';
import type { RouteParent } from './references.ts';

/** What of the cluster decides whether a parent takes a route. */
export interface ParentLookup {
  hasServer(key: string): boolean;
  /** Undefined when there is no such Service. */
  service(key: string): { readonly hasClusterIp: boolean } | undefined;
  hasEgressNetwork(key: string): boolean;
  readonly routes: Pick<RouteIndex, 'of'>;
  readonly grants: Pick<GrantIndex, 'permits'>;
  readonly faults: FaultLookup;
}

export type Acceptance =
  | 'Accepted'
  | 'NoMatchingParent'
  | 'HeadlessParent'
  /** An EgressNetwork has no ports of its own: who does not say which means none. */
  | 'PortlessParent'
  | 'RouteReasonConflicted';

/** What tells more of a connection comes before what tells less of it. */
const precedence: Record<RouteKind, number> = {
  GRPCRoute: 3,
  HTTPRoute: 2,
  PolicyHTTPRoute: 2,
  TLSRoute: 1,
  TCPRoute: 0,
};

/**
 * Whether a parent takes a route (linkerd2 policy-controller/k8s/status/src/index.rs): a GRPCRoute comes before
 * HTTPRoutes, these before TLSRoutes, and these before TCPRoutes. Only of one namespace: those of another hold for its own
 * clients, or not for them, and must not undo what others have written.
 */
export function acceptance(route: IndexedRoute, parent: RouteParent, lookup: ParentLookup): Acceptance {
  const found = foundParent(parent, lookup);
  if (found !== 'Accepted') return found;
  const conflicts = lookup.routes
    .of(parent.kind, parent.key)
    .some(
      ({ source, namespace, parents }) =>
        namespace === route.namespace &&
        precedence[source] > precedence[route.source] &&
        parents.some(({ kind, key, port }) => kind === parent.kind && key === parent.key && port === parent.port),
    );
  return conflicts ? 'RouteReasonConflicted' : 'Accepted';
}

function foundParent({ kind, key, port }: RouteParent, lookup: ParentLookup): Acceptance {
  switch (kind) {
    case 'Server':
      return lookup.hasServer(key) ? 'Accepted' : 'NoMatchingParent';
    case 'EgressNetwork':
      if (!lookup.hasEgressNetwork(key)) return 'NoMatchingParent';
      return port === undefined ? 'PortlessParent' : 'Accepted';
    case 'Service': {
      const service = lookup.service(key);
      if (service === undefined) return 'NoMatchingParent';
      return service.hasClusterIp ? 'Accepted' : 'HeadlessParent';
    }
  }
}
