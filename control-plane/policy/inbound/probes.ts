import type { Container, Pod } from '../../../lib/kinds/pod.ts';
import { isTcp } from '../../cluster/service-ports.ts';

/** Paths of the HTTP probes that the kubelet sends to a port of a pod. */
export function probePaths(pod: Pod, port: number): string[] {
  const paths = new Set<string>();
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  for (const container of containers) {
    for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
      const get = probe?.httpGet;
      if (get === undefined || portNumber(container, get.port) !== port) continue;
      const path = (get.path ?? '/').split('?')[0];
      paths.add(path.startsWith('/') ? path : `/${path}`);
    }
  }
  return [...paths];
}

function portNumber(container: Container, port: number | string): number | undefined {
  if (typeof port === 'number') return port;
  return (
    container.ports?.find((each) => each.name === port && isTcp(each))?.containerPort ?? (Number(port) || undefined)
  );
}
