import { isConflict, isNotFound, type KubernetesApi } from './api.ts';

/** Of an object in a namespace. */
export interface SharedMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface SharedObject {
  readonly metadata: SharedMetadata;
}

/** When somebody else is faster each time, it is told instead of tried for ever. */
const maxAttempts = 5;

/** The object, or undefined when there is none. Rejects with an ApiError for anything else. */
export async function getIfThere<T>(api: Pick<KubernetesApi, 'get'>, path: string): Promise<T | undefined> {
  try {
    return await api.get<T>(path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * Changes an object that several replicas write without a lock: `attempt` reads it and writes what follows, and is made
 * again when somebody else wrote in between. `title` names the object in the error for when that does not end.
 */
export async function retryConflicts<T>(title: string, attempt: () => Promise<T>): Promise<T> {
  let conflict: unknown;
  for (let attempts = 0; attempts < maxAttempts; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isConflict(error)) throw error;
      conflict = error;
    }
  }
  throw new Error(`${title} was changed by others ${maxAttempts} times while it was to be written`, {
    cause: conflict,
  });
}

/** `own`, over what others have set on the object that was found, and with its version. */
export function metadataOver(found: SharedObject | undefined, own: SharedMetadata): SharedMetadata {
  const { name, namespace, labels, annotations } = own;
  return {
    ...(found?.metadata ?? { name, namespace }),
    labels: { ...found?.metadata.labels, ...labels },
    annotations: { ...found?.metadata.annotations, ...annotations },
  };
}

/** Makes the object in `collection`, or puts it in place of the one that was found; a conflict when that changed since. */
export function writeOver<T extends SharedObject>(
  api: Pick<KubernetesApi, 'create' | 'replace'>,
  collection: string,
  found: T | undefined,
  next: T,
): Promise<T> {
  return found === undefined ? api.create(collection, next) : api.replace(`${collection}/${next.metadata.name}`, next);
}
