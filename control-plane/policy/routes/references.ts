import type { BackendRef, ParentRef, RouteFilter, RouteRule } from '../../../lib/kinds/route-object.ts';

/** What a route hangs on, as far as it is known here. */
export interface RouteParent {
  readonly kind: 'Server' | 'Service' | 'EgressNetwork';
  /** `namespace/name`. */
  readonly key: string;
  /** Undefined for every port of a Service, for Servers, and for an EgressNetwork, which takes no such route. */
  readonly port: number | undefined;
}

/** The parent that a reference names; undefined for one of another kind, or a Server of another namespace. */
export function routeParent(ref: ParentRef, namespace: string): RouteParent | undefined {
  const key = `${ref.namespace ?? namespace}/${ref.name}`;
  if (isKind(ref, 'policy.linkerd.io', 'Server')) {
    return (ref.namespace ?? namespace) === namespace ? { kind: 'Server', key, port: undefined } : undefined;
  }
  if (isEgressNetwork(ref)) return { kind: 'EgressNetwork', key, port: ref.port };
  return isKind(ref, '', 'Service') ? { kind: 'Service', key, port: ref.port } : undefined;
}

export function parentKey({ kind, key }: RouteParent): string {
  return `${kind} ${key}`;
}

/** Where requests of a rule go: its backends, and those of mirrors, its own and those of its backends. */
export function backendsOf({
  backendRefs,
  filters,
}: Pick<RouteRule<unknown>, 'backendRefs' | 'filters'>): BackendRef[] {
  const backends = backendRefs ?? [];
  const all = [...(filters ?? []), ...backends.flatMap((backend) => backend.filters ?? [])];
  const mirrors = all.flatMap(({ requestMirror }) =>
    requestMirror == null ? [] : [{ kind: 'Service', ...requestMirror.backendRef }],
  );
  return [...backends, ...mirrors];
}

/** The FaultInjections that filters of a rule name, and those of its backends: `namespace/name`, of the route's namespace. */
export function faultsOf(
  { backendRefs, filters }: Pick<RouteRule<unknown>, 'backendRefs' | 'filters'>,
  namespace: string,
) {
  const all = [...(filters ?? []), ...(backendRefs ?? []).flatMap((backend) => backend.filters ?? [])];
  return all.flatMap((filter) => faultOf(filter, namespace) ?? []);
}

/** The one that a filter names; undefined when it names something else. */
export function faultOf({ type, extensionRef }: RouteFilter, namespace: string): string | undefined {
  if (type !== 'ExtensionRef' || extensionRef?.name == null) return undefined;
  return isKind(extensionRef, 'tulle.dev', 'FaultInjection') ? `${namespace}/${extensionRef.name}` : undefined;
}

/** `namespace/name` of the Service that a backend is; undefined when it is something else. */
export function backendService(ref: BackendRef, namespace: string): string | undefined {
  return isKind({ group: ref.group, kind: ref.kind ?? 'Service' }, '', 'Service')
    ? `${ref.namespace ?? namespace}/${ref.name}`
    : undefined;
}

/** `namespace/name` of the EgressNetwork that a backend is; undefined when it is something else. */
export function backendEgressNetwork(ref: BackendRef, namespace: string): string | undefined {
  return isEgressNetwork(ref) ? `${ref.namespace ?? namespace}/${ref.name}` : undefined;
}

const isEgressNetwork = (ref: { readonly group?: string; readonly kind?: string }): boolean =>
  isKind(ref, 'policy.linkerd.io', 'EgressNetwork');

/** Groups and kinds are compared without regard to case; `core` and nothing are the core group. */
export function isKind(ref: { readonly group?: string; readonly kind?: string }, group: string, kind: string): boolean {
  const named = (ref.group ?? '').toLowerCase();
  return (named === 'core' ? '' : named) === group && (ref.kind ?? '').toLowerCase() === kind.toLowerCase();
}

/** What of a route decides which Services it may name. */
export interface NamingRoute {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly parents: readonly RouteParent[];
}

/**
 * Whether a route may name a Service, `namespace/name`, as its backend: one of its own namespace, one beside a Service
 * that it hangs on, which its clients ask anyway, or one that a ReferenceGrant of that Service's namespace lets it name.
 */
export function mayName(
  route: NamingRoute,
  service: string,
  grants: { permits(route: NamingRoute, service: string): boolean },
): boolean {
  const namespace = service.slice(0, service.indexOf('/'));
  if (namespace === route.namespace) return true;
  if (route.parents.some(({ kind, key }) => kind === 'Service' && key.startsWith(`${namespace}/`))) return true;
  return grants.permits(route, service);
}
