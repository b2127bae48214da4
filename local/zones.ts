import { zoneLabel } from '../lib/contract/names.ts';
import type { Node } from '../lib/kinds/node.ts';
import type { Pod } from '../lib/kinds/pod.ts';

/** The zone that a pod says by its label, as Kubernetes labels pods with that of their node; undefined where it says none. */
export const zoneOf = (labels: Readonly<Record<string, string>> | undefined): string | undefined =>
  labels?.[zoneLabel] || undefined;

/** The node that the pods of a zone are on: one machine stands for all of them. */
export const nodeIn = (zone: string | undefined): string => (zone === undefined ? 'local' : `local-${zone}`);

/** The nodes that the pods of zones are on. */
export function nodesOf(pods: readonly Pod[]): Node[] {
  const zones = new Set(pods.flatMap(({ metadata }) => zoneOf(metadata.labels) ?? []));
  return [...zones].sort().map((zone) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: nodeIn(zone), labels: { [zoneLabel]: zone } },
  }));
}
