import { isDeepStrictEqual } from 'node:util';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';
import { type Kind, type Kinds, kindOf } from './kinds.ts';
import { objectKey } from './object-key.ts';
import type { ObjectEvent } from './object-source.ts';

/** A handler that threw on a change, and on the change of what. */
export interface HandlerFailure {
  readonly kind: Kind;
  /** The object's key. */
  readonly name: string;
  readonly error: Error;
}

/**
 * Objects by kind and key, and who is told when they change. What sources are built on. A handler that throws keeps
 * neither the others nor the store from going on.
 */
export class ObjectStore {
  private readonly onHandlerFailure: (failure: HandlerFailure) => void;
  private readonly kinds = new Map<Kind, Map<string, KubernetesObject>>();
  private readonly handlers = new Map<Kind, Set<(event: ObjectEvent<Kind>) => void>>();

  constructor(onHandlerFailure: (failure: HandlerFailure) => void = throwHandlerFailure) {
    this.onHandlerFailure = onHandlerFailure;
  }

  watch<K extends Kind>(kind: K, handler: (event: ObjectEvent<K>) => void): () => void {
    const added = handler as (event: ObjectEvent<Kind>) => void;
    for (const object of this.kinds.get(kind)?.values() ?? [])
      this.tellOne(added, kind, { type: 'added', object: object as Kinds[K] });
    let handlers = this.handlers.get(kind);
    if (handlers === undefined) {
      handlers = new Set();
      this.handlers.set(kind, handlers);
    }
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
    if (kind !== undefined) this.remove(kind, objectKey(object));
  }

  /** Deletes the objects of a kind that are not among `keys`: of one namespace, or all. */
  retain(kind: Kind, keys: ReadonlySet<string>, namespace?: string): void {
    for (const key of this.keys(kind, namespace)) if (!keys.has(key)) this.remove(kind, key);
  }

  /** How many objects of a kind are held: of one namespace, or all. */
  size(kind: Kind, namespace?: string): number {
    if (namespace !== undefined) return [...this.keys(kind, namespace)].length;
    return this.kinds.get(kind)?.size ?? 0;
  }

  private *keys(kind: Kind, namespace: string | undefined): Iterable<string> {
    for (const key of this.kinds.get(kind)?.keys() ?? []) {
      if (namespace === undefined || key.startsWith(`${namespace}/`)) yield key;
    }
  }

  private remove(kind: Kind, key: string): void {
    const objects = this.kinds.get(kind);
    const known = objects?.get(key);
    if (known === undefined) return;
    objects?.delete(key);
    this.tell(kind, { type: 'deleted', object: known as Kinds[Kind] });
  }

  private tell(kind: Kind, event: ObjectEvent<Kind>): void {
    for (const handler of this.handlers.get(kind) ?? []) this.tellOne(handler, kind, event);
  }

  private tellOne(handler: (event: ObjectEvent<Kind>) => void, kind: Kind, event: ObjectEvent<Kind>): void {
    try {
      handler(event);
    } catch (error) {
      this.onHandlerFailure({ kind, name: objectKey(event.object), error: error as Error });
    }
  }
}

/** When nobody is named to be told: a failure of a handler is a bug, and ends the process. */
function throwHandlerFailure({ kind, name, error }: HandlerFailure): void {
  queueMicrotask(() => {
    throw new Error(`a handler failed on ${kind} ${name}: ${error.message}`, { cause: error });
  });
}
