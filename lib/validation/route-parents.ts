import type { ParentRef } from '../kinds/route-object.ts';

/** What a route hangs on, as routes of one namespace are compared. */
export interface Parent {
  /** With the route's namespace: routes of two namespaces have no request in common. */
  readonly key: string;
  /** Undefined for all of its ports. */
  readonly port: number | undefined;
}

/** Those of its parents that are the mesh's: Services, Servers and EgressNetworks. */
export const meshParents = (parents: readonly ParentRef[], own: string): Parent[] =>
  meshParentsOf(parents, own).map(({ kind, namespace, name, port }) => ({
    key: parentKey(own, kind, `${namespace}/${name}`),
    port,
  }));

/** The same as they are named, each with its namespace. */
export const meshParentsOf = (
  parents: readonly ParentRef[],
  own: string,
): (ParentRef & { readonly namespace: string })[] =>
  parents.filter(isOfMesh).map((parent) => ({ ...parent, namespace: parent.namespace ?? own }));

/** `parent`: its namespace and name. */
export const parentKey = (ofRoute: string, kind: string, parent: string): string => `${ofRoute}/${kind}/${parent}`;

const isOfMesh = ({ group = '', kind }: ParentRef): boolean =>
  group === 'policy.linkerd.io' ? kind === 'Server' || kind === 'EgressNetwork' : group === '' && kind === 'Service';
