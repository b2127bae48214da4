import { dataPlaneAnnotation, setting as settingOf } from '../../lib/contract/annotations.ts';
import { controlPlaneNamespaceLabel, ownerLabelPrefix } from '../../lib/contract/labels.ts';
import { identityName, linkerdProxyContainerName, proxyContainerName } from '../../lib/contract/names.ts';
import { type PortSet, parsePortSet } from '../../lib/contract/port-list.ts';
import { proxyPorts } from '../../lib/contract/ports.ts';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';
import type { Container, Pod, ProxyVariable } from '../../lib/kinds/pod.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { isTcp } from './service-ports.ts';

/** A setting of an object, by its own annotation or Linkerd's. */
export const setting = (object: KubernetesObject | undefined, name: string): string | undefined =>
  settingOf(object?.metadata, name);

/** Ports that an annotation of an object lists; undefined when there is none, or it cannot be read. */
export function portsSetting(
  object: KubernetesObject | undefined,
  name: string,
  names: 'names' | 'numbers' = 'names',
): PortSet | undefined {
  const text = setting(object, name);
  return text === undefined ? undefined : parsePortSet(text, names);
}

/** True for a pod whose sidecar belongs to this mesh: ours, or one of a Linkerd whose control plane has the same namespace. */
export function isMeshed(pod: Pod, config: ClusterConfig): boolean {
  return pod.metadata.labels?.[controlPlaneNamespaceLabel] === config.meshNamespace && sidecarOf(pod) !== undefined;
}

export function podIdentity(pod: Pod, config: ClusterConfig): string {
  return identityName(pod.spec?.serviceAccountName ?? 'default', pod.metadata.namespace ?? 'default', config);
}

/** True when nothing redirects connections to the sidecar: clients must address it. */
export function isExplicit(pod: Pod): boolean {
  return sidecarEnv(pod, 'LINKERD2_PROXY_EXPLICIT_MODE') === 'true';
}

/** True where the sidecar is Linkerd's proxy, which skips what that project's messages cannot say. */
export const isLinkerds = (pod: Pod): boolean => pod.metadata.annotations?.[dataPlaneAnnotation] === 'linkerd2';

/** The port of the application that a listener of a sidecar in explicit mode stands for; any other port is its own. */
export function appPort(pod: Pod, port: number): number {
  const pairs = sidecarEnv(pod, 'LINKERD2_PROXY_INBOUND_EXPLICIT_PORTS')?.split(',') ?? [];
  const app = Number(pairs.find((pair) => pair.startsWith(`${port}=`))?.split('=')[1]);
  return Number.isInteger(app) && app > 0 ? app : port;
}

/** Where the sidecar takes connections that carry a transport header. */
export function inboundPort(pod: Pod): number {
  return sidecarPort(pod, 'LINKERD2_PROXY_INBOUND_LISTEN_ADDR') ?? proxyPorts.inbound;
}

/** True for a port of the sidecar itself, which takes no transport header. */
export function isSidecarPort(pod: Pod, port: number): boolean {
  return (['LINKERD2_PROXY_ADMIN_LISTEN_ADDR', 'LINKERD2_PROXY_CONTROL_LISTEN_ADDR'] as const).some(
    (name) => sidecarPort(pod, name) === port,
  );
}

/** Where the sidecar serves taps; undefined where nobody may tap it. */
export function tapPort(pod: Pod): number | undefined {
  if (!sidecarEnv(pod, 'LINKERD2_PROXY_TAP_SVC_NAME')) return undefined;
  return sidecarPort(pod, 'LINKERD2_PROXY_CONTROL_LISTEN_ADDR') ?? proxyPorts.control;
}

/** True for a pod whose containers have been started, the sidecar's among them; it need not be ready. */
export function isRunning(pod: Pod): boolean {
  return pod.status?.phase === 'Running';
}

/** True for a pod that runs and whose readiness probes pass. */
function isReady(pod: Pod): boolean {
  return (
    isRunning(pod) &&
    (pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false)
  );
}

/**
 * Which of two pods has an address that both claim: the ready one, else the one made later. The first when they are
 * alike, so that who asks says which was seen last.
 */
export function isRatherAt(pod: Pod, other: Pod): boolean {
  if (isReady(pod) !== isReady(other)) return isReady(pod);
  const [made, otherMade] = [pod, other].map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? '') || 0);
  return made >= otherMade;
}

/** True when a port's connections pass by the sidecar. */
export function skipsInbound(pod: Pod, port: number): boolean {
  return portsSetting(pod, 'skip-inbound-ports', 'numbers')?.has(port) ?? false;
}

/** Kind (lower case) and name of what the pod belongs to: `deployment`, `web`. */
export function podOwner(pod: Pod): { kind: string; name: string } | undefined {
  const { labels = {}, ownerReferences = [] } = pod.metadata;
  for (const kind of ownerKinds) {
    const name = labels[ownerLabelPrefix + kind];
    if (name !== undefined) return { kind, name };
  }
  const owner = ownerReferences.find(({ controller }) => controller) ?? ownerReferences[0];
  if (owner === undefined) return undefined;
  const hash = labels['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) {
    return { kind: 'deployment', name: owner.name.slice(0, -hash.length - 1) };
  }
  return { kind: owner.kind.toLowerCase(), name: owner.name };
}

const ownerKinds = ['deployment', 'statefulset', 'daemonset', 'cronjob', 'job', 'replicaset', 'replicationcontroller'];

/** What metrics say of a pod. */
export function podLabels(pod: Pod): Record<string, string> {
  const owner = podOwner(pod);
  const { labels = {} } = pod.metadata;
  const found: Record<string, string | undefined> = {
    pod: pod.metadata.name,
    ...(owner === undefined ? {} : { [owner.kind === 'job' ? 'k8s_job' : owner.kind]: owner.name }),
    serviceaccount: pod.spec?.serviceAccountName ?? 'default',
    control_plane_ns: labels[controlPlaneNamespaceLabel],
    pod_template_hash: labels['pod-template-hash'],
  };
  return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Name of a TCP port among the containers of a pod. */
export function portName(pod: Pod, port: number): string | undefined {
  for (const container of containersOf(pod)) {
    for (const each of container.ports ?? []) {
      if (each.containerPort === port && each.name !== undefined && isTcp(each)) return each.name;
    }
  }
  return undefined;
}

/** All containers; sidecars may stand among the initializing ones. */
function containersOf(pod: Pod): Container[] {
  return [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
}

function sidecarOf(pod: Pod): Container | undefined {
  const containers = containersOf(pod);
  const named = (wanted: string): Container | undefined => containers.find(({ name }) => name === wanted);
  return named(proxyContainerName) ?? named(linkerdProxyContainerName);
}

function sidecarPort(pod: Pod, variable: ProxyVariable): number | undefined {
  const port = Number(sidecarEnv(pod, variable)?.split(':').at(-1));
  return Number.isInteger(port) && port > 0 ? port : undefined;
}

function sidecarEnv(pod: Pod, name: ProxyVariable): string | undefined {
  return sidecarOf(pod)?.env?.find((variable) => variable.name === name)?.value;
}
