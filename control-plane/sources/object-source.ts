import type { Kind, Kinds } from './kinds.ts';

export type ObjectEvent<K extends Kind> =
  | { readonly type: 'added' | 'modified'; readonly object: Kinds[K] }
  | { readonly type: 'deleted'; readonly object: Kinds[K] };

/**
 * Where the control plane reads objects from: an API server, a folder of manifests, another orchestrator. A source
 * keeps what it knows when it cannot read for a while.
 */
export interface ObjectSource {
  /** Calls `handler` with each object of a kind as `added`, then with each change, until the returned function is called. */
  watch<K extends Kind>(kind: K, handler: (event: ObjectEvent<K>) => void): () => void;
  /** Settles when everything that was there at the start has been told. */
  readonly synced: Promise<void>;
  close(): void;
}
