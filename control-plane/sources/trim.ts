import type { Fields, FieldsOf, Leaf } from '../../lib/kinds/kept-fields.ts';
import type { KubernetesObject, ObjectMeta } from '../../lib/kinds/kubernetes-object.ts';
import { beyondBounds } from './bounds.ts';
import { type Kind, type Kinds, kindInfo } from './kinds.ts';

const meta: FieldsOf<Omit<ObjectMeta, 'resourceVersion' | 'generation'>> = {
  name: 'text',
  namespace: 'shared',
  uid: 'text',
  creationTimestamp: 'text',
  labels: 'labels',
  annotations: 'annotations',
  ownerReferences: [{ kind: 'shared', name: 'shared', controller: 'flag' }],
};

/** An object that is not as its kind says: the message names the field. */
export class MalformedObject extends Error {}

/** The whole manifest once more, as a text, which kubectl leaves on each object. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * What the control plane reads of an object, as new objects: the rest of it is not held in memory. Throws a
 * MalformedObject. `apiVersion` is given because objects in lists do not say theirs.
 */
export function trim<K extends Kind>(kind: K, apiVersion: string, object: unknown): Kinds[K] {
  const { metadata } = checkMetadata(kind, object);
  const info = kindInfo[kind];
  const { annotations } = metadata;
  const kept = pick(metadata, meta, 'metadata') as { -readonly [Field in keyof ObjectMeta]: ObjectMeta[Field] };
  if (info.isVersioned) {
    if (typeof metadata.resourceVersion === 'string') kept.resourceVersion = metadata.resourceVersion;
    if (typeof metadata.generation === 'number') kept.generation = metadata.generation;
  }
  if (annotations !== undefined && annotations !== null && lastApplied in annotations) {
    const { [lastApplied]: _, ...others } = annotations;
    kept.annotations = others;
  }
  const rest = pick(object, info.keep, '') as object;
  return { apiVersion, kind: info.kind, metadata: kept, ...rest } as unknown as Kinds[K];
}

/** The parts without which an object cannot be told from others. */
export function checkMetadata(kind: Kind, object: unknown): KubernetesObject {
  const metadata = isRecord(object) ? object['metadata'] : undefined;
  if (!isRecord(metadata)) throw new MalformedObject('metadata must be an object');
  const { name, namespace } = metadata;
  if (typeof name !== 'string' || name === '')
    throw new MalformedObject(`metadata.name (${text(name)}) must be a name`);
  if (kindInfo[kind].namespaced && (typeof namespace !== 'string' || namespace === ''))
    throw new MalformedObject(`metadata.namespace (${text(namespace)}) must be a name`);
  return object as KubernetesObject;
}

function pick(value: unknown, wanted: Fields, path: string): unknown {
  if (value === undefined || value === null) return undefined;
  if (typeof wanted === 'function') return wanted(value, share);
  if (typeof wanted === 'string') return leaf(value, wanted, path);
  if (isList(wanted)) {
    if (!Array.isArray(value)) throw new MalformedObject(`${path} (${text(value)}) must be a list`);
    return value.map((item, index) => {
      // What is absent in a list is somewhere else in it than it seems.
      if (item === null) throw new MalformedObject(`${path}[${index}] (null) must be an object`);
      return pick(item, wanted[0], `${path}[${index}]`);
    });
  }
  if (!isRecord(value)) throw new MalformedObject(`${path} (${text(value)}) must be an object`);
  const kept: Record<string, unknown> = {};
  for (const name in wanted) {
    const field = pick(value[name], wanted[name], path === '' ? name : `${path}.${name}`);
    if (field !== undefined) kept[name] = field;
  }
  return kept;
}

const isList = (wanted: Fields): wanted is readonly [Fields] => Array.isArray(wanted);

function leaf(value: unknown, wanted: Extract<Leaf, string>, path: string): unknown {
  const must = (holds: boolean, what: string): void => {
    if (!holds) throw new MalformedObject(`${path} (${text(value)}) must be ${what}`);
  };
  switch (wanted) {
    case 'any': {
      // Validators know more of it; whoever may write it chooses what it holds.
      const problem = beyondBounds(value, path);
      if (problem !== undefined) throw new MalformedObject(problem);
      return withoutNulls(value);
    }
    case 'text':
      must(typeof value === 'string', 'a text');
      return value;
    case 'shared':
      must(typeof value === 'string', 'a text');
      return share(value as string);
    case 'number':
      must(typeof value === 'number', 'a number');
      return value;
    case 'flag':
      must(typeof value === 'boolean', 'true or false');
      return value;
    case 'port':
      must(typeof value === 'number' || typeof value === 'string', 'a number or a name');
      return value;
    case 'texts':
      must(Array.isArray(value) && value.every((item) => typeof item === 'string'), 'a list of texts');
      return value;
    default:
      must(isRecord(value) && Object.values(value).every((item) => typeof item === 'string'), 'a map of texts');
      return wanted === 'labels' ? shareAll(value as Record<string, string>) : value;
  }
}

/**
 * A field that is null is as if it were not there, for the API server too; in a list null is something, which is nothing that
 * may stand there. The same value where there is none. Bounds of depth have been looked at by then.
 */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(withoutNulls);
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (!isRecord(value)) return value;
  let kept: Record<string, unknown> | undefined;
  for (const name of Object.keys(value)) {
    const field = withoutNulls(value[name]);
    if (field === value[name] && field !== null) continue;
    kept ??= { ...value };
    if (field === null) delete kept[name];
    else kept[name] = field;
  }
  return kept ?? value;
}

const maxShared = 20_000;
/** Of a text that is kept for others. */
const maxSharedLength = 300;
const shared = new Map<string, string>();

function share(value: string): string {
  if (value.length > maxSharedLength) return value;
  const known = shared.get(value);
  if (known !== undefined) return known;
  // Texts that turn out not to be shared must not pile up here.
  if (shared.size >= maxShared) shared.clear();
  shared.set(value, value);
  return value;
}

function shareAll(values: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name in values) kept[name] = share(values[name]);
  return kept;
}

const text = (value: unknown): string => JSON.stringify(value)?.slice(0, 100) ?? 'absent';

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
