import { proxyContainerName } from '../../lib/contract/names.ts';
import { proxyPorts } from '../../lib/contract/ports.ts';
import type { Container, Pod } from '../../lib/kinds/pod.ts';

/** The proxy's container of a pod, wherever it stands; undefined when the pod is not meshed. */
export function sidecarOf({ spec }: Pod): Container | undefined {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return containers.find(({ name }) => name === proxyContainerName);
}

/** The port of a sidecar's admin server: that of its probe. */
export const adminPort = (sidecar: Container): number =>
  Number(sidecar.readinessProbe?.httpGet?.port ?? proxyPorts.admin);
