import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { proxyContainerName } from '../contract/names.ts';
import type { InjectConfig } from '../inject/config.ts';
import { injectManifest } from '../inject/inject-manifest.ts';
import { isRecord, type Manifest, type Metadata, type PodTemplate } from '../inject/kubernetes.ts';
import { soundPod } from '../inject/shape.ts';
import { isList, templateAt, templatePath } from '../inject/workload.ts';

/** An object as it is rendered, and the construct that renders it: of a List, the List's. */
export interface RenderedObject {
  readonly construct: ApiObject;
  readonly manifest: Manifest;
}

/** What makes meshed pods, with these as they will run: what the webhook will add is there. */
export interface MeshedObject extends RenderedObject {
  readonly pod: PodTemplate;
}

export const apiObjects = (root: IConstruct): ApiObject[] =>
  root.node.findAll().filter((construct): construct is ApiObject => ApiObject.isApiObject(construct));

/** Whether it is worth rendering for its pods: of an install, hardly anything is. */
export const mayHavePods = ({ apiVersion, kind }: ApiObject): boolean =>
  !['v1', 'rbac.authorization.k8s.io/v1', 'apiextensions.k8s.io/v1'].includes(apiVersion) ||
  ['Pod', 'ReplicationController', 'List'].includes(kind);

/**
 * Renders objects; items of Lists each by themselves. One that cannot be rendered is left out: it is going to fail the
 * synth with its own words.
 */
export function rendered(objects: readonly ApiObject[]): RenderedObject[] {
  return objects.flatMap((construct) => {
    let manifest: Manifest;
    try {
      manifest = construct.toJson();
    } catch {
      return [];
    }
    const items = isList(manifest) ? (manifest.items.filter(isRecord) as Manifest[]) : [manifest];
    return items.map((item) => ({ construct, manifest: item }));
  });
}

/** The objects whose pods will have a sidecar of the mesh. */
export function meshedObjects(
  objects: readonly RenderedObject[],
  config: InjectConfig,
  namespaces: ReadonlyMap<string, Metadata>,
): MeshedObject[] {
  return objects.flatMap(({ construct, manifest: given }) => {
    const manifest = injectManifest(given, config, { namespaces }).object;
    const path = templatePath(manifest);
    const template = path && templateAt(manifest, path);
    const read = template && soundPod(template);
    if (read === undefined || 'misshape' in read || !hasProxy(read.pod)) return [];
    return [{ construct, manifest, pod: read.pod }];
  });
}

const hasProxy = ({ spec }: PodTemplate): boolean =>
  [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].some(({ name }) => name === proxyContainerName);

/** The namespace of an object; who names none is taken to mean `default`, as kubectl takes it. */
export const namespaceOf = ({ metadata }: Manifest): string => metadata?.namespace ?? 'default';

/** Metadata of the namespaces that an app makes, by name. */
export const namespacesOf = (objects: readonly RenderedObject[]): ReadonlyMap<string, Metadata> =>
  new Map(
    objects
      .filter(({ manifest }) => isKind(manifest, 'v1', 'Namespace'))
      .map(({ manifest: { metadata } }) => [metadata?.name ?? '', metadata ?? {}]),
  );

/** Whether something is of a kind, in any version of its group; the core group is `v1`. */
export function isKind(
  { apiVersion, kind }: { apiVersion?: string; kind?: string },
  group: string,
  name: string,
): boolean {
  return kind === name && String(apiVersion).split('/')[0] === group;
}
