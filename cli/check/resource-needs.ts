import { ownerLabelPrefix } from '../../lib/contract/labels.ts';
import {
  type InjectConfig,
  injectPod,
  type Manifest,
  type Metadata,
  type PodTemplate,
} from '../../lib/inject/index.ts';
import {
  type ContainerDefaults,
  containerDefaults,
  quotaGaps,
  type ResourceGap,
  utilizationGaps,
} from '../../lib/inject/resource-needs.ts';

/** What asks for resources of pods, and the pods; of one namespace, or all. */
export interface AskedResources {
  readonly autoscalers: readonly Manifest[];
  readonly quotas: readonly Manifest[];
  readonly limitRanges: readonly Manifest[];
  /** Those with a sidecar. */
  readonly meshed: readonly PodTemplate[];
  readonly namespaces: readonly Metadata[];
}

/** The API server has filled in what LimitRanges say of pods that are there. */
const none: ContainerDefaults = { requests: new Set(), limits: new Set() };

/** Autoscalers that cannot tell the use of meshed pods, for a container asks for nothing. */
export function blindAutoscalers({ autoscalers, meshed }: AskedResources): string[] {
  return autoscalers.flatMap((autoscaler) => {
    const { kind, name } = (autoscaler.spec?.scaleTargetRef ?? {}) as { kind?: string; name?: string };
    const scaled = inNamespaceOf(autoscaler, meshed).filter(
      ({ metadata }) => metadata?.labels?.[`${ownerLabelPrefix}${kind?.toLowerCase()}`] === name,
    );
    const gaps = scaled.flatMap((pod) => utilizationGaps(autoscaler, pod, none));
    return merged(gaps).map(
      ({ needed, containers }) =>
        `autoscaler ${nameOf(autoscaler)} scales nothing, for want of ${needed} in ${containers.join(', ')} of ${kind?.toLowerCase()}/${name}`,
    );
  });
}

/**
 * Quotas that refuse meshed pods, for a container does not name what they count: pods that are there, when they are made anew,
 * and any of a namespace that asks for sidecars, for those that were refused are not there to be looked at.
 */
export function refusingQuotas(
  { quotas, limitRanges, meshed, namespaces }: AskedResources,
  config: InjectConfig,
): string[] {
  return quotas.flatMap((quota) => {
    const namespace = namespaces.find(({ name }) => name === quota.metadata?.namespace);
    const bare = injectPod({ metadata: { name: '' }, spec: { containers: [] } }, config, { namespace });
    const pods = [...inNamespaceOf(quota, meshed), ...(bare.report.outcome === 'injected' ? [bare.pod] : [])];
    const defaults = containerDefaults(inNamespaceOf(quota, limitRanges));
    return merged(pods.flatMap((pod) => quotaGaps(quota, pod, defaults))).map(
      ({ needed, containers }) =>
        `quota ${nameOf(quota)} refuses new pods with a sidecar, for want of ${needed} in ${containers.join(', ')}`,
    );
  });
}

const inNamespaceOf = <T extends { readonly metadata?: Metadata }>(
  { metadata }: Manifest,
  objects: readonly T[],
): T[] => objects.filter((object) => object.metadata?.namespace === metadata?.namespace);

const nameOf = ({ metadata }: Manifest): string => `${metadata?.namespace}/${metadata?.name}`;

/** Each need once, with all the containers that lack it. */
function merged(gaps: readonly ResourceGap[]): ResourceGap[] {
  const found = new Map<string, Set<string>>();
  for (const { needed, containers } of gaps) {
    const lacking = found.get(needed) ?? new Set();
    for (const container of containers) lacking.add(container);
    found.set(needed, lacking);
  }
  return [...found].map(([needed, containers]) => ({ needed, containers: [...containers] }));
}
