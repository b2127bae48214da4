import { findAnnotation, opaquePortsKeys } from '../../lib/contract/annotations.ts';
import {
  type InjectConfig,
  type InjectProblem,
  injectPod,
  injectService,
  type Manifest,
  type Metadata,
  type PodTemplate,
} from '../../lib/inject/index.ts';
import type { AdmissionRequest, AdmissionResponse } from '../webhook/admission-review.ts';
import { type AdmissionHandler, Unavailable } from '../webhook/webhook-server.ts';
import type { InjectorMetrics } from './injector-metrics.ts';
import { jsonPatch } from './json-patch.ts';
import type { Owner } from './owners.ts';

export interface InjectorOptions {
  /** Undefined as long as it could not be read. */
  readonly config: () => InjectConfig | undefined;
  readonly namespace: (name: string) => Promise<Metadata>;
  readonly owner: (pod: PodTemplate, namespace: string) => Promise<Owner | undefined>;
  /** Writes an event on the owner, where `kubectl describe` shows it. Returns at once. */
  readonly record: (owner: Owner & { readonly namespace: string }, event: InjectionEvent) => void;
  readonly metrics: Pick<InjectorMetrics, 'request' | 'response'>;
}

export interface InjectionEvent {
  readonly type: 'Normal';
  readonly reason: 'Injected' | 'InjectionSkipped';
  readonly message: string;
}

/** Gives pods their sidecar and Services their opaque ports on admission: a patch, or none for what is left as it is. */
export function injector(options: InjectorOptions): AdmissionHandler {
  return async (request) => {
    const { kind, operation, object } = request;
    const config = options.config();
    if (config === undefined) throw new Unavailable('the configuration of the mesh could not be read yet');
    if (operation !== 'CREATE' || object === undefined || kind.group !== '') return { allowed: true };
    if (kind.kind === 'Pod') return admitPod(object, request, config, options);
    if (kind.kind === 'Service') return admitService(object, request, config, options);
    return { allowed: true };
  };
}

async function admitPod(
  pod: PodTemplate,
  { namespace: namespaceName, dryRun }: AdmissionRequest,
  config: InjectConfig,
  { namespace: findNamespace, owner: findOwner, record, metrics }: InjectorOptions,
): Promise<AdmissionResponse> {
  const [namespace, owner] = await Promise.all([
    findNamespace(namespaceName).then((found) => ({ ...found, name: namespaceName })),
    findOwner(pod, namespaceName),
  ]);
  const admission = { ownerKind: owner?.kind.toLowerCase() ?? '', namespace, object: pod.metadata };
  metrics.request(admission);
  const { pod: injected, report } = injectPod(pod, config, { namespace, owner });
  const skipped = report.outcome === 'skipped';
  if (owner !== undefined && !dryRun) {
    const message = skipped ? `no sidecar: ${report.reasons.join(', ')}` : 'sidecar added';
    const reason = skipped ? 'InjectionSkipped' : 'Injected';
    record({ ...owner, namespace: namespaceName }, { type: 'Normal', reason, message });
  }
  const result = skipped ? withNamespacePorts(pod, namespace) : injected;
  metrics.response({ ...admission, skipped: result === pod ? report.reasons : undefined });
  return { allowed: true, patch: jsonPatch(pod, result), warnings: report.problems.map(warning) };
}

async function admitService(
  service: Manifest,
  { namespace: namespaceName }: AdmissionRequest,
  config: InjectConfig,
  { namespace: findNamespace, metrics }: InjectorOptions,
): Promise<AdmissionResponse> {
  const namespace = { ...(await findNamespace(namespaceName)), name: namespaceName };
  const admission = { ownerKind: '', namespace, object: service.metadata };
  metrics.request(admission);
  const { service: result } = injectService(service, config, namespace);
  // As Linkerd does, Services that stay as they are are not counted among what was skipped.
  if (result !== service) metrics.response(admission);
  return { allowed: true, patch: jsonPatch(service, result), warnings: [] };
}

/** A pod without a sidecar still tells its clients which ports are opaque, in the word of its namespace. */
function withNamespacePorts(pod: PodTemplate, namespace: Metadata): PodTemplate {
  const found = findAnnotation(namespace, opaquePortsKeys);
  if (found === undefined || findAnnotation(pod.metadata, opaquePortsKeys) !== undefined) return pod;
  const annotations = { ...pod.metadata?.annotations, [opaquePortsKeys[0]]: found.value };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

const warning = ({ object, field, message, consequence }: InjectProblem): string =>
  `${object}: ${field}: ${message}; ${consequence}`;
