import { clusterKinds } from '../../lib/kinds/index.ts';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';

/** `namespace/name`, or the name alone for objects of the whole cluster; generators write namespaces on those too. */
export function objectKey({ kind, metadata }: KubernetesObject): string {
  return metadata.namespace === undefined || clusterKinds.has(kind)
    ? metadata.name
    : `${metadata.namespace}/${metadata.name}`;
}
