import { findAnnotation, opaquePortsKeys } from '../contract/annotations.ts';
import { containsPort } from '../contract/port-list.ts';
import type { InjectConfig } from './config.ts';
import { explicitAppPort } from './explicit-ports.ts';
import { isRecord, type Manifest, type Metadata } from './kubernetes.ts';
import type { InjectReport } from './report.ts';

/**
 * Writes on a Service which of its ports are opaque, so that clients of it know before they have met a pod: the
 * namespace's list when it has one, else those of the mesh's list that the Service leads to. Its own word stands.
 */
export function injectService(
  service: Manifest,
  config: InjectConfig,
  namespace?: Metadata,
): { readonly service: Manifest; readonly report: InjectReport } {
  const report = (outcome: InjectReport['outcome']): InjectReport => ({
    object: `service/${service.metadata?.name ?? ''}`,
    outcome,
    reasons: [],
    problems: [],
  });
  if (findAnnotation(service.metadata, opaquePortsKeys)) return { service, report: report('skipped') };
  const value = findAnnotation(namespace, opaquePortsKeys)?.value ?? opaqueOf(service, config).join(',');
  if (value === '') return { service, report: report('skipped') };
  const annotations = { ...service.metadata?.annotations, [opaquePortsKeys[0]]: value };
  return { service: { ...service, metadata: { ...service.metadata, annotations } }, report: report('annotated') };
}

/** The Service's port numbers whose targets are opaque by default; a named target is taken for the port itself. */
function opaqueOf(service: Manifest, config: InjectConfig): number[] {
  const ports = Array.isArray(service.spec?.ports) ? service.spec.ports.filter(isRecord) : [];
  return ports
    .filter(({ port, targetPort, protocol }) => {
      if ((protocol ?? 'TCP') !== 'TCP') return false;
      const target = typeof targetPort === 'number' ? targetPort : (explicitAppPort(targetPort) ?? Number(port));
      return containsPort(config.defaults.opaquePorts, target);
    })
    .map(({ port }) => Number(port));
}
