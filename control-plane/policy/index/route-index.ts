import { kinds } from '../../../lib/kinds/index.ts';
import type { BytesRoute, GrpcRoute, HttpRoute } from '../../../lib/kinds/route-object.ts';
import { misshape } from '../../../lib/kinds/structural-check.ts';
import { kindInfo } from '../../sources/kinds.ts';
import { objectKey } from '../../sources/object-key.ts';
import { oldestFirst } from '../order.ts';
import { UnsupportedRoute } from '../routes/matches.ts';
import { isKind, parentKey, type RouteParent, routeParent } from '../routes/references.ts';
import { bytesRouteRules, grpcRouteRules, httpRouteRules, type RouteRules } from '../routes/route-rules.ts';

const routeKinds = ['PolicyHTTPRoute', 'HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute'] as const;
export type RouteKind = (typeof routeKinds)[number];
export type RouteObject = HttpRoute | GrpcRoute | BytesRoute;

export interface IndexedRoute {
  readonly source: RouteKind;
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly object: RouteObject;
  /** One for each reference to a Server, Service or EgressNetwork. */
  readonly parents: readonly RouteParent[];
  /** Undefined for a route that cannot be served. */
  readonly rules: RouteRules | undefined;
  /** What of it cannot be served, and why; undefined when all of it can. */
  readonly problem: string | undefined;
}

const readRules = {
  PolicyHTTPRoute: httpRouteRules,
  HTTPRoute: httpRouteRules,
  GRPCRoute: grpcRouteRules,
  TLSRoute: (route: BytesRoute) => bytesRouteRules(route, 'tls'),
  TCPRoute: (route: BytesRoute) => bytesRouteRules(route, 'tcp'),
} satisfies Record<RouteKind, (route: never) => RouteRules>;

/** Routes by what they hang on. */
export class RouteIndex {
  private readonly routes = new Map<string, IndexedRoute>();
  private readonly byParent = new Map<string, Map<string, IndexedRoute>>();
  private readonly onUnsupported: (route: string, reason: string) => void;

  /** `onUnsupported` is told of each route that cannot be served, and why. */
  constructor(onUnsupported: (route: string, reason: string) => void) {
    this.onUnsupported = onUnsupported;
  }

  all(): Iterable<IndexedRoute> {
    return this.routes.values();
  }

  /** Whether there is a route of a group and kind, by its `namespace/name`. */
  has(ref: { readonly group?: string; readonly kind: string }, key: string): boolean {
    return routeKinds.some(
      (source) => isKind(ref, kindInfo[source].group, kindInfo[source].kind) && this.routes.has(`${source} ${key}`),
    );
  }

  /** Takes a route as it is now; undefined when it is gone. Returns the parents (`Server ns/name`) that it had or has. */
  set(source: RouteKind, object: RouteObject, deleted: boolean): Set<string> {
    const id = `${source} ${objectKey(object)}`;
    const before = this.routes.get(id);
    const changed = new Set((before?.parents ?? []).map(parentKey));
    for (const parent of changed) {
      const routes = this.byParent.get(parent);
      routes?.delete(id);
      if (routes?.size === 0) this.byParent.delete(parent);
    }
    if (deleted) {
      this.routes.delete(id);
      return changed;
    }
    const route = this.read(source, object);
    this.routes.set(id, route);
    for (const parent of new Set(route.parents.map(parentKey))) {
      changed.add(parent);
      const routes = this.byParent.get(parent);
      if (routes === undefined) this.byParent.set(parent, new Map([[id, route]]));
      else routes.set(id, route);
    }
    return changed;
  }

  /** The routes with a reference to the parent, whether or not it accepts them, the oldest first. */
  of(kind: RouteParent['kind'], key: string): IndexedRoute[] {
    const routes = this.byParent.get(`${kind} ${key}`);
    return routes === undefined ? [] : [...routes.values()].sort((a, b) => oldestFirst(a.object, b.object));
  }

  private read(source: RouteKind, given: RouteObject): IndexedRoute {
    const misshapen = misshape(kinds[source], given);
    // Whoever reads the references of its rules reads none of one that has no shape.
    const object = misshapen === undefined ? given : withoutRules(source, given);
    const { group, kind } = kindInfo[source];
    const namespace = object.metadata.namespace ?? 'default';
    const route = { source, group, kind, namespace, object };
    const parents = (object.spec.parentRefs ?? []).flatMap((ref) => routeParent(ref, namespace) ?? []);
    // A route of other controllers alone is none of ours; of one whose parents are not known, nobody knows.
    if (parents.length === 0 && (misshapen === undefined || object.spec.parentRefs !== undefined)) {
      return { ...route, parents, rules: undefined, problem: undefined };
    }
    const read = misshapen ?? rulesOf(source, object);
    const rules = typeof read === 'string' ? undefined : read;
    const problem = typeof read === 'string' ? read : read.problems[0];
    if (problem !== undefined) this.onUnsupported(`${kind}.${group} ${objectKey(object)}`, problem);
    return { ...route, parents, rules, problem };
  }
}

/** The rules of a route that has the shape of its kind, or why they cannot be served. */
function rulesOf(source: RouteKind, object: RouteObject): RouteRules | string {
  try {
    return readRules[source](object as never);
  } catch (error) {
    // No route may end the process: whoever may write one would end everybody's.
    return error instanceof UnsupportedRoute ? error.message : `cannot be read: ${(error as Error).message}`;
  }
}

/** What can be read of a misshapen route: where it hangs, so that this is told of it, or not even that. */
function withoutRules(source: RouteKind, object: RouteObject): RouteObject {
  const bare = { ...object, spec: { parentRefs: object.spec?.parentRefs, rules: [] } };
  return misshape(kinds[source], bare) === undefined ? bare : { ...object, spec: { rules: [] } };
}
