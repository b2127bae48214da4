import type { InjectConfig } from '../inject/config.ts';
import { isRecord, type Manifest, type Metadata, type PodTemplate } from '../inject/kubernetes.ts';
import type { InjectProblem } from '../inject/report.ts';
import type { ObjectOf } from '../kinds/definition.ts';
import { clusterKinds, type KindName, type KindSpec, kinds } from '../kinds/index.ts';
import { Problems } from '../kinds/problems.ts';
import { checkStructure, misshape } from '../kinds/structural-check.ts';

/** A manifest, and what whoever has read it knows of where it stands: its file, or the construct that renders it. */
export interface Entry {
  readonly manifest: Manifest;
}

/** What makes pods: `manifest` has them as they will run, with the sidecar that the webhook adds. */
export interface PodEntry extends Entry {
  /** As it is written, without what the webhook adds. */
  readonly given: Manifest;
  readonly pod: PodTemplate;
  /** Whether the pods have a sidecar of the mesh. */
  readonly isMeshed: boolean;
  /** What injection passes over of them, as far as nobody else tells. */
  readonly problems: readonly InjectProblem[];
}

/** Manifests that are applied together, as rules look at them. */
export interface ManifestModel<E extends Entry = Entry> {
  /** How the mesh injects. */
  readonly config: InjectConfig;
  /** Metadata of the namespaces among the manifests, by name. */
  readonly namespaces: ReadonlyMap<string, Metadata>;
  readonly pods: readonly (E & PodEntry)[];
  /** The objects of a kind in any version of its group; the core group is `v1`. */
  ofKind(group: string, kind: string): readonly E[];
  /** The Service of a name, if it is among the manifests. */
  service(namespace: string, name: string): E | undefined;
}

/** An object of a kind that the mesh knows, which has the shape of that kind. */
export interface KnownObject<E extends Entry, T> {
  readonly entry: E;
  readonly object: T;
  readonly namespace: string;
  readonly name: string;
}

type Known<E extends Entry, Name extends KindName> = readonly KnownObject<E, ObjectOf<(typeof kinds)[Name]>>[];

const found = new WeakMap<object, Map<KindName, unknown>>();

/** The objects of a kind, without those that have not its shape: another rule tells of these. */
export function objectsOf<E extends Entry, Name extends KindName>(model: ManifestModel<E>, name: Name): Known<E, Name> {
  const known = found.get(model) ?? new Map<KindName, unknown>();
  found.set(model, known);
  const before = known.get(name) as Known<E, Name> | undefined;
  if (before !== undefined) return before;
  const kind: KindSpec = kinds[name];
  const objects = model
    .ofKind(kind.group === '' ? 'v1' : kind.group, kind.kind)
    .filter(({ manifest }) => hasShapeOf(kind, manifest))
    .map((entry) => ({
      ...{ entry, namespace: namespaceOf(entry.manifest), name: String(entry.manifest.metadata?.name ?? '') },
      object: withoutNulls(entry.manifest) as ObjectOf<(typeof kinds)[Name]>,
    }));
  known.set(name, objects);
  return objects;
}

/** As its version says, and where that knows less than is read, as the newest does. */
function hasShapeOf(kind: KindSpec, { apiVersion, spec }: Manifest): boolean {
  const problems = new Problems(1);
  checkStructure(kind, { apiVersion: String(apiVersion), spec }, problems);
  return problems.list.length === 0 && misshape(kind, { spec }) === undefined;
}

/** null is as if nothing stood there, as for the API server. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutNulls(field)]));
}

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

/** `HTTPRoute shop/orders`, `Namespace shop`, for messages. */
export function nameOf(manifest: Manifest): string {
  const name = manifest.metadata?.name ?? manifest.metadata?.generateName ?? '';
  const isWide = clusterKinds.has(manifest.kind ?? '');
  return `${manifest.kind} ${isWide ? '' : `${namespaceOf(manifest)}/`}${name}`;
}
