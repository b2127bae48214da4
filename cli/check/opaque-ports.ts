import { setting } from '../../lib/contract/annotations.ts';
import { hasLabels } from '../../lib/contract/labels.ts';
import { containsPort, type PortEntry, parsePorts } from '../../lib/contract/port-list.ts';
import type { Container, PodSpec } from '../../lib/inject/kubernetes.ts';
import { resolvePorts, runningContainers } from '../../lib/inject/ports.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { Service } from '../../lib/kinds/service.ts';

type SelectingService = Service & { readonly spec?: { readonly selector?: Readonly<Record<string, string>> } };

/**
 * Ports that a Service calls opaque and its pods do not, or the other way round: clients then speak otherwise than the
 * pod's proxy expects.
 */
export function opaqueMismatches(
  services: readonly SelectingService[],
  meshed: readonly Pod[],
  defaults: readonly PortEntry[],
): string[] {
  return services.flatMap((service) => {
    const { namespace, name } = service.metadata;
    const found = new Set<string>();
    for (const pod of meshed) {
      if (pod.metadata.namespace !== namespace) continue;
      if (!hasLabels(pod.metadata.labels, service.spec?.selector ?? {})) continue;
      for (const { port, targetPort = port, protocol = 'TCP' } of service.spec?.ports ?? []) {
        if (protocol !== 'TCP') continue;
        const target = containerPort(pod, targetPort);
        if (target === undefined) continue;
        const byService = containsPort(portsOf(service, pod, defaults), port);
        const byPod = containsPort(portsOf(pod, pod, defaults), target);
        if (byService && !byPod)
          found.add(`service ${namespace}/${name}: port ${port} is opaque, and ${target} of its pods is not`);
        if (!byService && byPod)
          found.add(`service ${namespace}/${name}: port ${port} is not opaque, and ${target} of its pods is`);
      }
    }
    return [...found];
  });
}

function portsOf({ metadata }: Pod | Service, pod: Pod, defaults: readonly PortEntry[]): readonly PortEntry[] {
  const value = setting(metadata, 'opaque-ports');
  const entries = value === undefined ? undefined : parsePorts(value, 'names');
  return entries === undefined ? defaults : resolvePorts(entries, running(pod)).ports;
}

/** Those whose ports stay open, native sidecars among them. */
const running = ({ spec }: Pod): Container[] => runningContainers((spec ?? {}) as PodSpec);

function containerPort(pod: Pod, target: number | string): number | undefined {
  if (typeof target === 'number') return target;
  const ports = running(pod).flatMap(({ ports }) => ports ?? []);
  return ports.find(({ name, protocol = 'TCP' }) => name === target && protocol === 'TCP')?.containerPort;
}
