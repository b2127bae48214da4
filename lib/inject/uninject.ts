import { withoutExplicitEnv } from './explicit-env.ts';
import { type ManifestResult, overItems, overTemplate } from './inject-manifest.ts';
import type { Container, Manifest, Metadata, PodTemplate } from './kubernetes.ts';
import {
  alphaSettingPrefix,
  controlPlaneNamespaceLabel,
  createdByAnnotation,
  debugContainerName,
  identityVolumeName,
  initContainerName,
  injectAnnotation,
  linkerdInjectAnnotation,
  ownerLabelPrefix,
  proxyContainerName,
  proxyVersionAnnotation,
  settingPrefixes,
  tokenVolumeName,
  workloadNamespaceLabel,
  xtablesVolumeName,
} from './names.ts';
import type { InjectOutcome } from './report.ts';
import { isList, manifestName } from './workload.ts';

const containerNames = new Set([proxyContainerName, initContainerName, debugContainerName]);
const volumeNames = new Set([identityVolumeName, tokenVolumeName, xtablesVolumeName]);

/** Takes the sidecar and everything that belongs to it out of a manifest again, settings included. */
export function uninjectManifest(object: Manifest): ManifestResult {
  if (isList(object)) return overItems(object, uninjectManifest);
  const report = (changed: boolean) => ({
    object: manifestName(object),
    outcome: (changed ? 'uninjected' : 'unchanged') as InjectOutcome,
    reasons: [],
    problems: [],
  });
  if (object.apiVersion === 'v1' && (object.kind === 'Service' || object.kind === 'Namespace')) {
    const metadata = withoutMeshMetadata(object.metadata);
    const changed = metadata !== object.metadata;
    return { object: changed ? { ...object, metadata } : object, reports: [report(changed)] };
  }
  return overTemplate(object, (template) => {
    const pod = uninjectPod(template);
    return { template: pod, report: report(pod !== template) };
  });
}

/** The pod itself when there is nothing of the mesh in it. */
export function uninjectPod(pod: PodTemplate): PodTemplate {
  const metadata = withoutMeshMetadata(pod.metadata);
  const spec = pod.spec ?? {};
  const injected = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].some(({ name }) =>
    containerNames.has(name),
  );
  if (!injected) return metadata === pod.metadata ? pod : { ...pod, metadata };
  const keep = <T extends { name: string }>(items: T[] | undefined, names: ReadonlySet<string>) =>
    items?.filter(({ name }) => !names.has(name)) ?? [];
  const { initContainers, volumes, ...rest } = spec;
  const init = keep<Container>(initContainers, containerNames);
  const kept = keep(volumes, volumeNames);
  return {
    ...pod,
    metadata,
    spec: {
      ...rest,
      ...(init.length > 0 ? { initContainers: init } : {}),
      containers: keep<Container>(spec.containers, containerNames).map(withoutExplicitEnv),
      ...(kept.length > 0 ? { volumes: kept } : {}),
    },
  };
}

function withoutMeshMetadata(metadata: Metadata | undefined): Metadata | undefined {
  const labels = without(metadata?.labels, isMeshLabel);
  const annotations = without(metadata?.annotations, isMeshAnnotation);
  if (!metadata || (labels === metadata.labels && annotations === metadata.annotations)) return metadata;
  const { labels: _labels, annotations: _annotations, ...rest } = metadata;
  return { ...rest, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
}

/** The same record when nothing goes, undefined when nothing stays. */
function without(
  entries: Record<string, string> | undefined,
  goes: (key: string) => boolean,
): Record<string, string> | undefined {
  const kept = Object.entries(entries ?? {}).filter(([key]) => !goes(key));
  if (kept.length === Object.keys(entries ?? {}).length) return entries;
  return kept.length > 0 ? Object.fromEntries(kept) : undefined;
}

const isMeshLabel = (key: string): boolean =>
  key === controlPlaneNamespaceLabel || key === workloadNamespaceLabel || key.startsWith(ownerLabelPrefix);

const isMeshAnnotation = (key: string): boolean =>
  [injectAnnotation, linkerdInjectAnnotation, createdByAnnotation, proxyVersionAnnotation].includes(key) ||
  [...settingPrefixes, alphaSettingPrefix].some((prefix) => key.startsWith(prefix));
