import type { GrantIndex } from '../index/grant-index.ts';
import type { IndexedRoute, RouteIndex } from '../index/route-index.ts';
import type { RouteParent } from './references.ts';

/** What of the cluster decides whether a parent takes a route. */
export interface ParentLookup {
  hasServer(key: string): boolean;
  /** Undefined when there is no such Service. */
  service(key: string): { readonly hasClusterIp: boolean } | undefined;
  readonly routes: Pick<RouteIndex, 'of'>;
  readonly grants: Pick<GrantIndex, 'permits'>;
}

export type Acceptance = 'Accepted' | 'NoMatchingParent' | 'HeadlessParent' | 'RouteReasonConflicted';

/** Whether a parent takes a route (linkerd2 policy-controller/k8s/status/src/index.rs): a GRPCRoute comes before HTTPRoutes. */
export function acceptance(route: IndexedRoute, parent: RouteParent, lookup: ParentLookup): Acceptance {
  if (parent.kind === 'Server') {
    if (!lookup.hasServer(parent.key)) return 'NoMatchingParent';
  } else {
    const service = lookup.service(parent.key);
    if (service === undefined) return 'NoMatchingParent';
    if (!service.hasClusterIp) return 'HeadlessParent';
  }
  const conflicts =
    route.source !== 'GRPCRoute' &&
    lookup.routes
      .of(parent.kind, parent.key)
      .some(
        ({ source, parents }) =>
          source === 'GRPCRoute' &&
          parents.some(({ kind, key, port }) => kind === parent.kind && key === parent.key && port === parent.port),
      );
  return conflicts ? 'RouteReasonConflicted' : 'Accepted';
}
