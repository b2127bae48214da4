import { isDeepStrictEqual } from 'node:util';
import { type Kind, type Kinds, kindOf } from './kinds.ts';
import { type KubernetesObject, objectKey } from './kubernetes-object.ts';
import type { ObjectEvent } from './object-source.ts';

/** Objects by kind and key, and who is told when they change. What sources are built on. */
export class ObjectStore {
  private readonly kinds = new Map<Kind, Map<string, KubernetesObject>>();
  private readonly handlers = new Map<Kind, Set<(event: ObjectEvent<Kind>) => void>>();

  watch<K extends Kind>(kind: K, handler: (event: ObjectEvent<K>) => void): () => void {
    for (const object of this.kinds.get(kind)?.values() ?? []) handler({ type: 'added', object: object as Kinds[K] });
    let handlers = this.handlers.get(kind);
    if (handlers === undefined) {
      handlers = new Set();
      this.handlers.set(kind, handlers);
    }
    const added = handler as (event: ObjectEvent<Kind>) => void;
    handlers.add(added);
    return () => handlers.delete(added);
  }

  /** Stores an object of a kind that is read; nobody is told of one that is as it was. */
  put(object: KubernetesObject): void {
    const kind = kindOf(object);
    if (kind === undefined) return;
    let objects = this.kinds.get(kind);
    if (objects === undefined) {
      objects = new Map();
      this.kinds.set(kind, objects);
    }
    const key = objectKey(object);
    const known = objects.get(key);
    if (known !== undefined && isDeepStrictEqual(known, object)) return;
    objects.set(key, object);
    this.tell(kind, { type: known === undefined ? 'added' : 'modified', object: object as Kinds[Kind] });
  }

  delete(object: KubernetesObject): void {
    const kind = kindOf(object);
    const objects = kind && this.kinds.get(kind);
    const known = objects?.get(objectKey(object));
    if (kind === undefined || known === undefined) return;
    objects?.delete(objectKey(object));
    this.tell(kind, { type: 'deleted', object: known as Kinds[Kind] });
  }

  private tell(kind: Kind, event: ObjectEvent<Kind>): void {
    for (const handler of this.handlers.get(kind) ?? []) handler(event);
  }
}
