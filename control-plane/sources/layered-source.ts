import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';
import type { Kind } from './kinds.ts';
import { objectKey } from './object-key.ts';
import type { ObjectEvent, ObjectSource } from './object-source.ts';
import { type HandlerFailure, ObjectStore } from './object-store.ts';

/**
 * Several sources as one. Of each object, which is its kind, namespace and name, the whole is that of the first source that
 * has it; when it goes there, that of the next one comes back.
 *
 * What a source tells counts at once, so that one which cannot be read hides nothing of the others; but the whole is
 * synced only when each of them is. Until then an object may be that of a lower source, and nobody must act on it: an
 * override that is late might be the one that denies.
 */
export class LayeredSource implements ObjectSource {
  readonly synced: Promise<void>;
  private readonly layers: readonly ObjectSource[];
  private readonly store: ObjectStore;
  private readonly followed = new Set<Kind>();

  /** `layers` in the order of their precedence; they are closed with this. `onHandlerFailure`: see ObjectStore. */
  constructor(layers: readonly ObjectSource[], onHandlerFailure?: (failure: HandlerFailure) => void) {
    this.layers = layers;
    this.store = new ObjectStore(onHandlerFailure);
    this.synced = Promise.all(layers.map(({ synced }) => synced)).then(() => {});
  }

  watch<K extends Kind>(kind: K, handler: (event: ObjectEvent<K>) => void): () => void {
    const stop = this.store.watch(kind, handler);
    if (!this.followed.has(kind)) this.follow(kind);
    return stop;
  }

  close(): void {
    for (const layer of this.layers) layer.close();
  }

  private follow(kind: Kind): void {
    this.followed.add(kind);
    const held = this.layers.map(() => new Map<string, KubernetesObject>());
    for (const [index, layer] of this.layers.entries()) {
      layer.watch(kind, ({ type, object }) => {
        const key = objectKey(object);
        if (type === 'deleted') held[index].delete(key);
        else held[index].set(key, object);
        const first = held.find((objects) => objects.has(key))?.get(key);
        if (first === undefined) this.store.delete(object);
        else this.store.put(first);
      });
    }
  }
}
