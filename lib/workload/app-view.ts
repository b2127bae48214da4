import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { proxyContainerName } from '../contract/names.ts';
import { injectManifest } from '../inject/inject-manifest.ts';
import { isRecord, type Manifest, type Metadata, type PodTemplate } from '../inject/kubernetes.ts';
import { soundPod } from '../inject/shape.ts';
import { isList, templateAt, templatePath } from '../inject/workload.ts';
import { installationOf } from '../mesh/installation.ts';

/** An object as it is rendered, and the construct that renders it: of a List, the List's. */
export interface RenderedObject {
  readonly construct: ApiObject;
  readonly manifest: Manifest;
}

/** What makes pods, with these as they will run: what the webhook will add is there. */
export interface PodObject extends RenderedObject {
  /** As it is rendered, without what the webhook adds. */
  readonly given: Manifest;
  readonly pod: PodTemplate;
  /** Whether the pods have a sidecar of the mesh. */
  readonly isMeshed: boolean;
}

const views = new WeakMap<IConstruct, AppView>();
/** What was rendered without a sidecar, for the webhook to add it, with the sidecar: whoever rendered it knows. */
const admitted = new WeakMap<Manifest, Manifest>();

/** Remembers what becomes of a rendered object in a cluster where nothing else is said to its namespace. */
export function rememberAdmitted(manifest: Manifest, asAdmitted: Manifest): void {
  if (asAdmitted !== manifest) admitted.set(manifest, asAdmitted);
}

/**
 * The objects of an app in the synth under way. What is rendered of them is rendered once for all who look, and when one of
 * them does: hardly anything of an install is. What cannot be rendered is left out, for it is going to fail the synth with
 * its own words.
 */
export class AppView {
  /** Looks at an app anew, as whoever runs first in a synth must. */
  static renew(root: IConstruct): AppView {
    const view = new AppView(root);
    views.set(root, view);
    return view;
  }

  /** The view of the synth under way. */
  static of(root: IConstruct): AppView {
    return views.get(root) ?? AppView.renew(root);
  }

  readonly objects: readonly ApiObject[];

  private readonly root: IConstruct;
  private readonly lists: readonly ApiObject[];
  private foundPods: PodObject[] | undefined;
  private foundNamespaces: ReadonlyMap<string, Metadata> | undefined;

  private constructor(root: IConstruct) {
    this.root = root;
    this.objects = root.node.findAll().filter((construct): construct is ApiObject => ApiObject.isApiObject(construct));
    this.lists = this.objects.filter(({ kind }) => kind.endsWith('List'));
  }

  /** The objects of a kind in any version of its group, those in Lists among them. */
  ofKind(group: string, kind: string): RenderedObject[] {
    const objects = this.objects.filter((object) => isKind(object, group, kind));
    return [...rendered(objects), ...this.inLists(group, kind)];
  }

  /** Those of them that stand in Lists. */
  inLists(group: string, kind: string): RenderedObject[] {
    return rendered(this.lists).filter(({ manifest }) => isKind(manifest, group, kind));
  }

  /** Metadata of the namespaces that the app makes, by name. */
  get namespaces(): ReadonlyMap<string, Metadata> {
    if (this.foundNamespaces === undefined) {
      // A List of meshed pods asks for them while it is rendered for its namespaces.
      this.foundNamespaces = new Map();
      this.foundNamespaces = new Map(
        this.ofKind('v1', 'Namespace').map(({ manifest: { metadata } }) => [metadata?.name ?? '', metadata ?? {}]),
      );
    }
    return this.foundNamespaces;
  }

  /** The objects that make pods, in the mesh or not. */
  get pods(): readonly PodObject[] {
    if (this.foundPods === undefined) {
      // A List may hold Services too: rendered for its pods, it asks for them again.
      this.foundPods = [];
      this.foundPods = rendered(this.objects.filter(mayHavePods)).flatMap((object) => this.podOf(object));
    }
    return this.foundPods;
  }

  private podOf({ construct, manifest: given }: RenderedObject): PodObject[] {
    const { namespaces } = this;
    const remembered = namespaces.has(namespaceOf(given)) ? undefined : admitted.get(given);
    const manifest = remembered ?? injectManifest(given, installationOf(this.root), { namespaces }).object;
    const path = templatePath(manifest);
    const template = path && templateAt(manifest, path);
    const read = template && soundPod(template);
    if (read === undefined || 'misshape' in read) return [];
    return [{ construct, given, manifest, pod: read.pod, isMeshed: hasProxy(read.pod) }];
  }
}

const mayHavePods = ({ apiVersion, kind }: ApiObject): boolean =>
  !['v1', 'rbac.authorization.k8s.io/v1', 'apiextensions.k8s.io/v1'].includes(apiVersion) ||
  ['Pod', 'ReplicationController', 'List'].includes(kind);

/** Items of Lists each by themselves. */
function rendered(objects: readonly ApiObject[]): RenderedObject[] {
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

const hasProxy = ({ spec }: PodTemplate): boolean =>
  [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].some(({ name }) => name === proxyContainerName);

/** The namespace of an object; who names none is taken to mean `default`, as kubectl takes it. */
export const namespaceOf = ({ metadata }: Manifest): string => metadata?.namespace ?? 'default';

/** Whether something is of a kind, in any version of its group; the core group is `v1`. */
export function isKind(
  { apiVersion, kind }: { apiVersion?: string; kind?: string },
  group: string,
  name: string,
): boolean {
  return kind === name && String(apiVersion).split('/')[0] === group;
}
