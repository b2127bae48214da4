import { isDeepStrictEqual } from 'node:util';
import { type Kind, type Kinds, type KubernetesObject, objectKey } from './kubernetes-object.ts';
import type { ObjectEvent } from './object-source.ts';

/** Objects by kind and key, and who is told when they change. What sources are built on. */
export class ObjectStore {
  private readonly kinds = new Map<string, Map<string, KubernetesObject>>();
  private readonly handlers = new Map<string, Set<(event: ObjectEvent<Kind>) => void>>();

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

  /** Stores an object; nobody is told of one that is as it was. */
  put(object: KubernetesObject): void {
    let objects = this.kinds.get(object.kind);
    if (objects === undefined) {
      objects = new Map();
      this.kinds.set(object.kind, objects);
    }
    const key = objectKey(object);
    const known = objects.get(key);
    if (known !== undefined && isDeepStrictEqual(known, object)) return;
    objects.set(key, object);
    this.tell({ type: known === undefined ? 'added' : 'modified', object: object as Kinds[Kind] });
  }

  delete(object: KubernetesObject): void {
    const known = this.kinds.get(object.kind)?.get(objectKey(object));
    if (known === undefined) return;
    this.kinds.get(object.kind)!.delete(objectKey(object));
    this.tell({ type: 'deleted', object: known as Kinds[Kind] });
  }

  private tell(event: ObjectEvent<Kind>): void {
    for (const handler of this.handlers.get(event.object.kind) ?? []) handler(event);
  }
}
