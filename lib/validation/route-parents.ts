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
  parents.filter(isOfMesh).map(({ kind, namespace, name, port }) => ({
    key: parentKey(own, kind, `${namespace ?? own}/${name}`),
    port,
  }));

/** `parent`: its namespace and name. */
export const parentKey = (ofRoute: string, kind: string, parent: string): string => `${ofRoute}/${kind}/${parent}`;

const isOfMesh = ({ group = '', kind }: ParentRef): boolean =>
  group === 'policy.linkerd.io' ? kind === 'Server' || kind === 'EgressNetwork' : group === '' && kind === 'Service';
