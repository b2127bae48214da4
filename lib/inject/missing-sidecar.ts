import { controlPlaneNamespaceLabel } from '../contract/labels.ts';
import type { InjectConfig } from './config.ts';
import { decide } from './decision.ts';
import type { Metadata, PodTemplate } from './kubernetes.ts';
import { soundPod } from './shape.ts';

/** A pod as it is in the cluster. */
export type PlacedPod = PodTemplate & { readonly status?: { readonly phase?: string } };

/** Whether a pod goes on without the sidecar that the webhook would give it now. */
export function lacksSidecar(given: PlacedPod, config: InjectConfig, namespace: Metadata | undefined): boolean {
  if (!['Pending', 'Running'].includes(given.status?.phase ?? '')) return false;
  if (given.metadata?.labels?.[controlPlaneNamespaceLabel] !== undefined) return false;
  const read = soundPod(given);
  return 'pod' in read && decide(read.pod, namespace, config).inject;
}
