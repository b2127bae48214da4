import { ApiError, type KubernetesApi, type PatchType } from '../kubernetes/api.ts';

interface StoredObject {
  metadata: { name: string; resourceVersion?: string };
}

/**
 * The objects of an API server in memory, with its two answers that matter between replicas: 409 for a name that is
 * taken, and 409 for an object that was changed since it was read.
 */
export class ObjectsInMemory implements KubernetesApi {
  readonly objects = new Map<string, StoredObject>();
  /** Each call as `POST /api/v1/...`. */
  readonly calls: string[] = [];
  /** Called before each call; what it throws is the answer. */
  before: (call: string) => void = () => undefined;
  private version = 0;

  async get<T>(path: string): Promise<T> {
    this.note(`GET ${path}`);
    return structuredClone(this.found(path)) as T;
  }

  async create<T>(path: string, object: unknown): Promise<T> {
    this.note(`POST ${path}`);
    const { name } = (object as StoredObject).metadata;
    if (this.objects.has(`${path}/${name}`)) throw new ApiError(409, 'AlreadyExists', `${name} already exists`);
    return this.put(`${path}/${name}`, object as StoredObject) as T;
  }

  async replace<T>(path: string, object: unknown): Promise<T> {
    this.note(`PUT ${path}`);
    const { resourceVersion } = (object as StoredObject).metadata;
    const old = this.found(path).metadata.resourceVersion;
    if (resourceVersion !== undefined && resourceVersion !== old) throw new ApiError(409, 'Conflict', 'has changed');
    return this.put(path, object as StoredObject) as T;
  }

  async patch<T>(path: string, patch: unknown, type: PatchType): Promise<T> {
    this.note(`PATCH ${path}`);
    if (type !== 'merge') throw new ApiError(415, 'UnsupportedMediaType', `no ${type} patches here`);
    return this.put(path, merge(this.found(path), patch) as StoredObject) as T;
  }

  async delete(path: string): Promise<void> {
    this.note(`DELETE ${path}`);
    this.found(path);
    this.objects.delete(path);
  }

  private note(call: string): void {
    this.calls.push(call);
    this.before(call);
  }

  private found(path: string): StoredObject {
    const object = this.objects.get(path);
    if (object === undefined) throw new ApiError(404, 'NotFound', `${path} is not there`);
    return object;
  }

  private put(path: string, object: StoredObject): StoredObject {
    const stored = structuredClone(object);
    stored.metadata.resourceVersion = String(++this.version);
    this.objects.set(path, stored);
    return structuredClone(stored);
  }
}

/** RFC 7396. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged = { ...(target as Record<string, unknown>) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}
