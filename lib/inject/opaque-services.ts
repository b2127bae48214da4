import { findAnnotation, opaquePortsKeys } from '../contract/annotations.ts';
import { containsPort } from '../contract/port-list.ts';
import { explicitAppPort } from './explicit-ports.ts';
import { isRecord, type Manifest } from './kubernetes.ts';
import { type SelectablePod, selects } from './lead-to-proxy.ts';

/**
 * Writes on a Service which of its ports lead to ports that the pods it selects call opaque: clients decide by the Service
 * how they speak, and would otherwise speak another protocol than the pods' proxies expect. Its own word stands.
 */
export function tellOpaquePorts(service: Manifest, pods: readonly SelectablePod[]): Manifest {
  if (findAnnotation(service.metadata, opaquePortsKeys)) return service;
  const telling = pods.filter((pod) => pod.opaquePorts !== undefined && selects(service, pod));
  const ports = Array.isArray(service.spec?.ports) ? service.spec.ports.filter(isRecord) : [];
  const opaque = ports.filter(
    ({ protocol, port, targetPort }) =>
      (protocol ?? 'TCP') === 'TCP' && telling.some((pod) => isOpaque(targetPort ?? port, pod)),
  );
  if (opaque.length === 0) return service;
  const annotations = {
    ...service.metadata?.annotations,
    [opaquePortsKeys[0]]: opaque.map(({ port }) => `${port}`).join(','),
  };
  return { ...service, metadata: { ...service.metadata, annotations } };
}

function isOpaque(target: unknown, { opaquePorts, namedPorts }: SelectablePod): boolean {
  const number = typeof target === 'number' ? target : (explicitAppPort(target) ?? namedPorts.get(String(target)));
  return number !== undefined && containsPort(opaquePorts ?? [], number, String(target));
}
