import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import type { InjectConfig } from '../inject/config.ts';
import { injectManifest } from '../inject/inject-manifest.ts';
import { isRecord, type Manifest, type Metadata } from '../inject/kubernetes.ts';
import { isList } from '../inject/workload.ts';
import { installationOf } from '../mesh/installation.ts';
import { type Entry, isKind, type ManifestModel, namespaceOf, type PodEntry } from '../validation/manifest-model.ts';
import { podsOf } from '../validation/model-of-manifests.ts';

/** An object as it is rendered, and the construct that renders it: of a List, the List's. */
export interface RenderedObject extends Entry {
  readonly construct: ApiObject;
}

/** What makes pods, with these as they will run: what the webhook will add is there. */
export type PodObject = RenderedObject & PodEntry;

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
export class AppView implements ManifestModel<RenderedObject> {
  /**
   * Looks at an app anew, as whoever runs first in a synth must. What a view of the same synth has rendered already is as
   * it was: `former` knows.
   */
  static renew(root: IConstruct, former?: AppView): AppView {
    const view = new AppView(root, former?.manifests ?? new Map());
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
  private readonly byKind = new Map<string, ApiObject[]>();
  /** What has been rendered, with the items of Lists each by themselves. */
  private readonly manifests: Map<ApiObject, readonly RenderedObject[]>;
  private foundServices: ReadonlyMap<string, ApiObject> | undefined;
  private foundPods: PodObject[] | undefined;
  private foundNamespaces: ReadonlyMap<string, Metadata> | undefined;

  private constructor(root: IConstruct, manifests: Map<ApiObject, readonly RenderedObject[]>) {
    this.root = root;
    this.manifests = manifests;
    this.objects = root.node.findAll().filter((construct): construct is ApiObject => ApiObject.isApiObject(construct));
    this.lists = this.objects.filter(({ kind }) => kind.endsWith('List'));
    for (const object of this.objects) {
      const key = `${object.apiVersion.split('/')[0]}/${object.kind}`;
      const others = this.byKind.get(key);
      if (others === undefined) this.byKind.set(key, [object]);
      else others.push(object);
    }
  }

  /** The objects of a kind in any version of its group, those in Lists among them. */
  ofKind(group: string, kind: string): RenderedObject[] {
    return [...this.rendered(this.objectsOf(group, kind)), ...this.inLists(group, kind)];
  }

  /** Those of them that are none of a List, not rendered. */
  objectsOf(group: string, kind: string): readonly ApiObject[] {
    return this.byKind.get(`${group}/${kind}`) ?? [];
  }

  /** Whether an object is one of the app. */
  has(object: ApiObject): boolean {
    return this.objectsOf(object.apiVersion.split('/')[0], object.kind).includes(object);
  }

  /** Those of them that stand in Lists. */
  inLists(group: string, kind: string): RenderedObject[] {
    return this.rendered(this.lists).filter(({ manifest }) => isKind(manifest, group, kind));
  }

  /** How the mesh of the app injects. */
  get config(): InjectConfig {
    return installationOf(this.root);
  }

  /** The objects of a construct: one, or the items of a List; none where it cannot be rendered. */
  renderings(construct: ApiObject): readonly RenderedObject[] {
    return this.rendered([construct]);
  }

  /**
   * The Service of a name. Only those that are asked for are rendered, and without what the mesh makes of them when the app
   * is: that looks at all pods, and leaves ports and selectors alone.
   */
  service(namespace: string, name: string): RenderedObject | undefined {
    this.foundServices ??= new Map(
      this.objectsOf('v1', 'Service').map((object) => [
        `${object.metadata.namespace ?? 'default'}/${object.name}`,
        object,
      ]),
    );
    const construct = this.foundServices.get(`${namespace}/${name}`);
    if (construct !== undefined) {
      return { construct, manifest: Object.getPrototypeOf(construct).toJson.call(construct) };
    }
    return this.inLists('v1', 'Service').find(
      ({ manifest }) => namespaceOf(manifest) === namespace && manifest.metadata?.name === name,
    );
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
      this.foundPods = this.rendered(this.objects.filter(mayHavePods)).flatMap((object) => this.podOf(object));
    }
    return this.foundPods;
  }

  private podOf({ construct, manifest: given }: RenderedObject): PodObject[] {
    const { namespaces } = this;
    const remembered = namespaces.has(namespaceOf(given)) ? undefined : admitted.get(given);
    // Of what a construct has rendered it has told all problems.
    const { object: manifest, reports } =
      remembered === undefined
        ? injectManifest(given, installationOf(this.root), { namespaces })
        : { object: remembered, reports: [] };
    const pods = podsOf(manifest);
    if (pods === undefined) return [];
    return [{ construct, given, manifest, ...pods, problems: reports.flatMap(({ problems }) => problems) }];
  }

  private rendered(objects: readonly ApiObject[]): RenderedObject[] {
    return objects.flatMap((construct) => {
      const known = this.manifests.get(construct);
      if (known !== undefined) return known;
      const found = render(construct);
      // A List asks for its own items while it is rendered: what it becomes in the end is kept.
      this.manifests.set(construct, found);
      return found;
    });
  }
}

const mayHavePods = ({ apiVersion, kind }: ApiObject): boolean =>
  !['v1', 'rbac.authorization.k8s.io/v1', 'apiextensions.k8s.io/v1'].includes(apiVersion) ||
  ['Pod', 'ReplicationController', 'List'].includes(kind);

function render(construct: ApiObject): RenderedObject[] {
  let manifest: Manifest;
  try {
    manifest = construct.toJson();
  } catch {
    return [];
  }
  const items = isList(manifest) ? (manifest.items.filter(isRecord) as Manifest[]) : [manifest];
  return items.map((item) => ({ construct, manifest: item }));
}
