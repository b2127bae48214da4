import { proxyContainerName } from '../contract/names.ts';
import type { InjectConfig } from '../inject/config.ts';
import { injectManifest } from '../inject/inject-manifest.ts';
import { isRecord, type Manifest, type Metadata, type PodTemplate } from '../inject/kubernetes.ts';
import { soundPod } from '../inject/shape.ts';
import { isList, itemOf, templateAt, templatePath } from '../inject/workload.ts';
import { type Entry, isKind, type ManifestModel, namespaceOf, type PodEntry, withoutNulls } from './manifest-model.ts';

/** The model of manifests as they are read from files. */
export function modelOfManifests<E extends Entry>(entries: readonly E[], config: InjectConfig): ManifestModel<E> {
  const all = entries.flatMap(itemsOf);
  const byKind = new Map<string, E[]>();
  const services = new Map<string, E>();
  for (const entry of all) {
    const key = `${String(entry.manifest.apiVersion).split('/')[0]}/${entry.manifest.kind}`;
    const others = byKind.get(key);
    if (others === undefined) byKind.set(key, [entry]);
    else others.push(entry);
    if (isKind(entry.manifest, 'v1', 'Service')) {
      services.set(`${namespaceOf(entry.manifest)}/${entry.manifest.metadata?.name}`, entry);
    }
  }
  const ofKind = (group: string, kind: string): readonly E[] => byKind.get(`${group}/${kind}`) ?? [];
  const namespaces = new Map(
    ofKind('v1', 'Namespace').map(({ manifest: { metadata } }) => [metadata?.name ?? '', metadata ?? {}] as const),
  );
  return {
    ...{ config, namespaces, ofKind },
    pods: all.flatMap((entry) => podOf(entry, config, namespaces)),
    service: (namespace, name) => services.get(`${namespace}/${name}`),
  };
}

/** Items of Lists each by themselves. What has no metadata is no object. */
function itemsOf<E extends Entry>(entry: E): E[] {
  const manifest = withoutNulls(entry.manifest) as Manifest;
  if (!isList(manifest)) return isRecord(manifest.metadata) ? [{ ...entry, manifest }] : [];
  return manifest.items
    .flatMap((item) => itemOf(manifest, item) ?? [])
    .flatMap((item) => itemsOf({ ...entry, manifest: item }));
}

function podOf<E extends Entry>(
  entry: E,
  config: InjectConfig,
  namespaces: ReadonlyMap<string, Metadata>,
): (E & PodEntry)[] {
  const { manifest: given } = entry;
  const { object: manifest, reports } = injectManifest(given, config, { namespaces });
  const pods = podsOf(manifest);
  if (pods === undefined) return [];
  return [{ ...entry, given, manifest, ...pods, problems: reports.flatMap(({ problems }) => problems) }];
}

/** The pods that an object makes as it will be in a cluster; undefined for one that makes none, or whose pods have no shape. */
export function podsOf(manifest: Manifest): Pick<PodEntry, 'pod' | 'isMeshed'> | undefined {
  const path = templatePath(manifest);
  const template = path && templateAt(manifest, path);
  const read = template && soundPod(template);
  return read === undefined || 'misshape' in read ? undefined : { pod: read.pod, isMeshed: hasProxy(read.pod) };
}

const hasProxy = ({ spec }: PodTemplate): boolean =>
  [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].some(({ name }) => name === proxyContainerName);
