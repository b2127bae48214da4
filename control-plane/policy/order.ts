import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';

/** Sorts the oldest first, then by name; an object without a creation time (a manifest) comes after those with one. */
export function oldestFirst(a: KubernetesObject, b: KubernetesObject): number {
  const [left, right] = [a, b].map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? '') || Infinity);
  if (left !== right) return left < right ? -1 : 1;
  const [leftName, rightName] = [a, b].map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  return leftName < rightName ? -1 : leftName > rightName ? 1 : 0;
}
