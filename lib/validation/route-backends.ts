import type { KubernetesObject } from '../kinds/kubernetes-object.ts';
import type { BackendRef, ParentRef, RouteFilter } from '../kinds/route-object.ts';
import { type Entry, type KnownObject, type ManifestModel, objectsOf } from './manifest-model.ts';

/** A rule of a route of any kind, as far as they are alike. */
export interface AnyRule {
  readonly filters?: readonly RouteFilter[];
  readonly backendRefs?: readonly BackendRef[];
}

export interface AnyRoute extends KubernetesObject {
  readonly spec: { readonly parentRefs?: readonly ParentRef[]; readonly rules?: readonly AnyRule[] };
}

const routeKinds = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'PolicyHTTPRoute'] as const;

/** The routes of all kinds. */
export const routesOf = <E extends Entry>(model: ManifestModel<E>): readonly KnownObject<E, AnyRoute>[] =>
  routeKinds.flatMap((kind): readonly KnownObject<E, AnyRoute>[] => objectsOf(model, kind));

/** A reference to a Service, and the path where it stands. */
export interface ServiceReference {
  readonly path: string;
  readonly namespace: string;
  readonly name: string;
  readonly port: number | undefined;
}

/** The Services that a route names: as parents, as backends, and those that get copies. */
export function serviceReferences({ object, namespace }: KnownObject<Entry, AnyRoute>): ServiceReference[] {
  const { parentRefs = [], rules = [] } = object.spec;
  const named = ({ namespace: own = namespace, name, port }: BackendRef, path: string): ServiceReference => ({
    ...{ path, namespace: own, name: name ?? '', port },
  });
  const mirrors = (filters: readonly RouteFilter[] | undefined, path: string): ServiceReference[] =>
    (filters ?? []).flatMap(({ requestMirror }, index) =>
      requestMirror === undefined || !isService(requestMirror.backendRef)
        ? []
        : [named(requestMirror.backendRef as BackendRef, `${path}.filters[${index}].requestMirror.backendRef`)],
    );
  return [
    ...parentRefs.flatMap((parent, index) =>
      parent.kind === 'Service' && isService(parent) ? [named(parent, `spec.parentRefs[${index}]`)] : [],
    ),
    ...rules.flatMap(({ filters, backendRefs = [] }, index) => [
      ...mirrors(filters, `spec.rules[${index}]`),
      ...backendRefs.flatMap((backend, at) => {
        const path = `spec.rules[${index}].backendRefs[${at}]`;
        return [...(isService(backend) ? [named(backend, path)] : []), ...mirrors(backend.filters, path)];
      }),
    ]),
  ];
}

const isService = ({ group = '', kind = 'Service' }: { readonly group?: string; readonly kind?: string }): boolean =>
  group === '' && kind === 'Service';
