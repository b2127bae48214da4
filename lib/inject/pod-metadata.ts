import {
  createdByAnnotation,
  dataPlaneAnnotation,
  findAnnotation,
  opaquePortsKeys,
  proxyVersionAnnotation,
  skipInboundPortsKeys,
} from '../contract/annotations.ts';
import { controlPlaneNamespaceLabel, ownerLabelPrefix, workloadNamespaceLabel } from '../contract/labels.ts';
import { containsPort } from '../contract/port-list.ts';
import { meshVersion } from '../contract/version.ts';
import { settings as knownSettings } from './annotations.ts';
import type { InjectConfig, ProxySettings } from './config.ts';
import type { PodContext } from './inject-pod.ts';
import type { Metadata, PodTemplate } from './kubernetes.ts';
import { inboundPorts, runningContainers } from './ports.ts';
import type { InjectProblem } from './report.ts';

/** The metadata of a pod that has a sidecar: what it is found by, and what the control plane reads of it. */
export function metadataOf(
  pod: PodTemplate,
  settings: ProxySettings,
  config: InjectConfig,
  { namespace }: PodContext,
  ownerLabel: Record<string, string>,
): Metadata {
  const workloadNamespace = pod.metadata?.namespace ?? namespace?.name;
  const annotations: Record<string, string> = { ...inheritedAnnotations(pod, namespace), ...pod.metadata?.annotations };
  // The control plane tells clients of the pod; both then agree also after the mesh's defaults change.
  for (const [keys, ports] of [
    [opaquePortsKeys, settings.opaquePorts],
    [skipInboundPortsKeys, settings.skipInboundPorts],
  ] as const) {
    if (findAnnotation({ annotations }, keys)) continue;
    const own = inboundPorts(runningContainers(pod.spec ?? {})).filter((port) => containsPort(ports, port));
    if (own.length > 0) annotations[keys[0]] = own.join(',');
  }
  annotations[createdByAnnotation] = `tulle/injector ${meshVersion}`;
  annotations[proxyVersionAnnotation] = settings.version;
  // Not what a template says: the control plane goes by it.
  delete annotations[dataPlaneAnnotation];
  if (config.linkerd2 !== undefined) annotations[dataPlaneAnnotation] = 'linkerd2';
  return {
    ...pod.metadata,
    labels: {
      ...pod.metadata?.labels,
      [controlPlaneNamespaceLabel]: config.meshNamespace,
      ...ownerLabel,
      ...(workloadNamespace ? { [workloadNamespaceLabel]: workloadNamespace } : {}),
    },
    annotations,
  };
}

/** Of API objects and their kinds all that a label can fail at is the length; a pod with a longer one would be refused. */
const maxLabelLength = 63;

/** Names the owner in metrics. A name that is cut would be that of another workload, so one that is too long is left out. */
export function ownerLabel({ owner }: PodContext, object: string, problems: InjectProblem[]): Record<string, string> {
  if (owner === undefined) return {};
  const label = ownerLabelPrefix + owner.kind.toLowerCase();
  if (owner.name.length <= maxLabelLength) return { [label]: owner.name };
  problems.push({
    severity: 'warning',
    object,
    field: 'metadata.name',
    message: `has ${owner.name.length} characters, and a label at most ${maxLabelLength}`,
    consequence: `metrics do not name the ${owner.kind}`,
  });
  return {};
}

/** The control plane reads settings such as the inbound policy from the pod, so the namespace's are written there. */
function inheritedAnnotations(pod: PodTemplate, namespace: Metadata | undefined): Record<string, string> {
  const result: Record<string, string> = {};
  if (!namespace?.annotations) return result;
  for (const { inherited, keys } of knownSettings) {
    const found = inherited ? findAnnotation(namespace, keys) : undefined;
    if (found && !findAnnotation(pod.metadata, keys)) result[keys[0]] = found.value;
  }
  return result;
}
