import {
  alphaSettingPrefix,
  createdByAnnotation,
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
import { withoutExplicitEnv } from './explicit-env.ts';
import { explicitAppPort } from './explicit-ports.ts';
import { type ManifestResult, overItems, overTemplate } from './inject-manifest.ts';
import { type Container, isRecord, type Manifest, type Metadata, type PodTemplate } from './kubernetes.ts';
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
    const spec = object.kind === 'Service' ? withoutExplicitTargets(object.spec) : object.spec;
    const changed = metadata !== object.metadata || spec !== object.spec;
    return {
      object: changed ? { ...object, metadata, ...(spec ? { spec } : {}) } : object,
      reports: [report(changed)],
    };
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
  const init = keep<Container>(initContainers, containerNames).map(withoutExplicitEnv);
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
