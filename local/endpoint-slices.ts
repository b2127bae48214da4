import { hasLabels } from '../lib/contract/labels.ts';
import { proxyContainerName } from '../lib/contract/names.ts';
import type { EndpointSlice } from '../lib/kinds/endpoint-slice.ts';
import type { Pod } from '../lib/kinds/pod.ts';
import type { Service, ServicePort } from '../lib/kinds/service.ts';
import { zoneOf } from './zones.ts';

/** What a Service is looked up by here; the control plane does without. */
export interface SelectingService extends Service {
  readonly spec?: Service['spec'] & { readonly selector?: Readonly<Record<string, string>> };
}

/**
 * The EndpointSlices that Kubernetes would make: for each Service with a selector, the pods it selects with their
 * readiness. Pods whose named ports have different numbers stand in slices of their own.
 */
export function endpointSlices(services: readonly SelectingService[], pods: readonly Pod[]): EndpointSlice[] {
  return services.flatMap((service) => {
    const { name, namespace } = service.metadata;
    const byPorts = new Map<string, Pod[]>();
    for (const pod of pods.filter((candidate) => selects(service, candidate))) {
      const ports = JSON.stringify((service.spec?.ports ?? []).flatMap((port) => resolvePort(port, pod)));
      byPorts.set(ports, [...(byPorts.get(ports) ?? []), pod]);
    }
    return [...byPorts].map(([ports, selected], index) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice' as const,
      metadata: { name: `${name}-${index}`, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: JSON.parse(ports) as EndpointSlice['ports'],
      endpoints: selected.map((pod) => ({
        addresses: [pod.status?.podIP ?? ''],
        conditions: { ready: isReady(pod) },
        hostname: pod.metadata.name,
        nodeName: pod.spec?.nodeName,
        zone: zoneOf(pod.metadata.labels),
        targetRef: { kind: 'Pod', name: pod.metadata.name, namespace: pod.metadata.namespace },
      })),
    }));
  });
}

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

const selects = ({ metadata, spec }: SelectingService, pod: Pod): boolean =>
  metadata.namespace === pod.metadata.namespace && hasLabels(pod.metadata.labels, spec?.selector ?? {});

/** A port whose name no container has leads nowhere. */
function resolvePort(port: ServicePort, pod: Pod): { name?: string; port: number; protocol: string }[] {
  const { name, protocol = 'TCP', targetPort = port.port } = port;
  const number = typeof targetPort === 'number' ? targetPort : containerPort(pod, targetPort, protocol);
  return number === undefined ? [] : [{ ...(name === undefined ? {} : { name }), port: number, protocol }];
}

/** Of containers, then of the native sidecar. */
function containerPort(pod: Pod, name: string, wanted: string): number | undefined {
  const sidecars = pod.spec?.initContainers?.filter((container) => container.name === proxyContainerName) ?? [];
  const ports = [...(pod.spec?.containers ?? []), ...sidecars].flatMap((container) => container.ports ?? []);
  return ports.find(({ name: own, protocol = 'TCP' }) => own === name && protocol === wanted)?.containerPort;
}
