import {
  alphaSettingPrefix,
  createdByAnnotation,
  dataPlaneAnnotation,
  injectAnnotation,
  linkerdInjectAnnotation,
  proxyVersionAnnotation,
  settingPrefixes,
} from '../contract/annotations.ts';
import { controlPlaneNamespaceLabel, ownerLabelPrefix, workloadNamespaceLabel } from '../contract/labels.ts';
import {
  debugContainerName,
  identityVolumeName,
  initContainerName,
  proxyContainerName,
  tokenVolumeName,
  xtablesVolumeName,
} from '../contract/names.ts';
import type { InjectConfig } from './config.ts';
import { withoutExplicitEnv } from './explicit-env.ts';
import { explicitAppPort } from './explicit-ports.ts';
import { type ManifestResult, overItems, overTemplate } from './inject-manifest.ts';
import { type Container, isRecord, type Manifest, type Metadata, type PodTemplate } from './kubernetes.ts';
import type { InjectOutcome } from './report.ts';
import { isList, manifestName } from './workload.ts';

const containerNames = new Set([proxyContainerName, initContainerName, debugContainerName]);
const volumeNames = new Set([identityVolumeName, tokenVolumeName, xtablesVolumeName]);

export interface UninjectOptions {
  /** With `linkerd`, Linkerd's words about injection and its settings go too. */
  readonly compat?: InjectConfig['compat'];
}

/**
 * Takes the sidecar and everything that belongs to it out of a manifest again, settings included. What another mesh has
 * written stays, and so does a workload's word that it wants no sidecar.
 */
export function uninjectManifest(object: Manifest, options: UninjectOptions = {}): ManifestResult {
  if (isList(object)) return overItems(object, (item) => uninjectManifest(item, options));
  const report = (changed: boolean) => ({
    object: manifestName(object),
    outcome: (changed ? 'uninjected' : 'unchanged') as InjectOutcome,
    reasons: [],
    problems: [],
  });
  if (object.apiVersion === 'v1' && (object.kind === 'Service' || object.kind === 'Namespace')) {
    const metadata = withoutMeshMetadata(object.metadata, false, options);
    const spec = object.kind === 'Service' ? withoutExplicitTargets(object.spec) : object.spec;
    const changed = metadata !== object.metadata || spec !== object.spec;
    return {
      object: changed ? { ...object, metadata, ...(spec ? { spec } : {}) } : object,
      reports: [report(changed)],
    };
  }
  return overTemplate(object, (template, _path, sound) => {
    const pod = uninjectPod(sound, options);
    return pod === sound ? { template, report: report(false) } : { template: pod, report: report(true) };
  });
}

/** The pod itself when there is nothing of the mesh in it. */
export function uninjectPod(pod: PodTemplate, options: UninjectOptions = {}): PodTemplate {
  const spec = pod.spec ?? {};
  const injected = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].some(({ name }) =>
    containerNames.has(name),
  );
  const metadata = withoutMeshMetadata(pod.metadata, injected, options);
  if (!injected) return metadata === pod.metadata ? pod : withMetadata(pod, metadata);
  const keep = <T extends { name: string }>(items: T[] | undefined, names: ReadonlySet<string>) =>
    items?.filter(({ name }) => !names.has(name)) ?? [];
  const { initContainers, volumes, ...rest } = spec;
  const init = keep<Container>(initContainers, containerNames).map(withoutExplicitEnv);
  const kept = keep(volumes, volumeNames);
  return {
    ...withMetadata(pod, metadata),
    spec: {
      ...rest,
      ...(init.length > 0 ? { initContainers: init } : {}),
      containers: keep<Container>(spec.containers, containerNames).map(withoutExplicitEnv),
      ...(kept.length > 0 ? { volumes: kept } : {}),
    },
  };
}

/** Of what had none before injection, none stays. */
function withMetadata(pod: PodTemplate, metadata: Metadata | undefined): PodTemplate {
  const { metadata: _, ...bare } = pod;
  return metadata === undefined || Object.keys(metadata).length === 0 ? bare : { ...pod, metadata };
}

/** Target ports that lead to a sidecar lead to the application itself again, by number where it is another. */
function withoutExplicitTargets(spec: Manifest['spec']): Manifest['spec'] {
  const ports = Array.isArray(spec?.ports) ? spec.ports : [];
  if (!ports.some((port) => isRecord(port) && explicitAppPort(port.targetPort) !== undefined)) return spec;
  const own = ports.map((port) => {
    const app = isRecord(port) ? explicitAppPort(port.targetPort) : undefined;
    if (app === undefined) return port;
    const { targetPort: _targetPort, ...rest } = port as Record<string, unknown>;
    return app === rest.port ? rest : { ...rest, targetPort: app };
  });
  return { ...spec, ports: own };
}

/** `injected`: whether our sidecar is there, and so the labels and notes beside it are ours. */
function withoutMeshMetadata(
  metadata: Metadata | undefined,
  injected: boolean,
  { compat = 'none' }: UninjectOptions,
): Metadata | undefined {
  const linkerd = compat === 'linkerd';
  const ours = injected || String(metadata?.annotations?.[createdByAnnotation] ?? '').startsWith('tulle/');
  const labels = without(metadata?.labels, (key) => (ours || linkerd) && isMeshLabel(key));
  const annotations = without(metadata?.annotations, (key, value) => {
    if (key === injectAnnotation || (linkerd && key === linkerdInjectAnnotation)) return value !== 'disabled';
    if ([createdByAnnotation, proxyVersionAnnotation, dataPlaneAnnotation].includes(key)) return ours || linkerd;
    const prefixes = linkerd ? [...settingPrefixes, alphaSettingPrefix] : [settingPrefixes[0]];
    return prefixes.some((prefix) => key.startsWith(prefix));
  });
  if (!metadata || (labels === metadata.labels && annotations === metadata.annotations)) return metadata;
  const { labels: _labels, annotations: _annotations, ...rest } = metadata;
  return { ...rest, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
}

/** The same record when nothing goes, undefined when nothing stays. */
function without(
  entries: Record<string, string> | undefined,
  goes: (key: string, value: string) => boolean,
): Record<string, string> | undefined {
  const kept = Object.entries(entries ?? {}).filter(([key, value]) => !goes(key, value));
  if (kept.length === Object.keys(entries ?? {}).length) return entries;
  return kept.length > 0 ? Object.fromEntries(kept) : undefined;
}

const isMeshLabel = (key: string): boolean =>
  key === controlPlaneNamespaceLabel || key === workloadNamespaceLabel || key.startsWith(ownerLabelPrefix);
