/**
 * How a patch is read (Kubernetes API conventions, "Patch operations"). `apply` is server-side apply: the object is made
 * when it is not there, and the query must name the `fieldManager`.
 */
export type PatchType = 'merge' | 'json' | 'strategic' | 'apply';

/** One-shot calls to the API server. Every call has a deadline and is tried once; what to do about an error is the caller's. */
export interface KubernetesApi {
  /** `path` is that of the resource: `/api/v1/namespaces/tulle/secrets/x`. Rejects with an ApiError. */
  get<T>(path: string, query?: Readonly<Record<string, string>>): Promise<T>;
  /** POST of a new object to its collection. */
  create<T>(path: string, object: unknown): Promise<T>;
  /** PUT of the whole object; with its `resourceVersion` it fails with 409 when somebody else was faster. */
  replace<T>(path: string, object: unknown): Promise<T>;
  patch<T>(path: string, patch: unknown, type: PatchType, query?: Readonly<Record<string, string>>): Promise<T>;
  delete(path: string, options?: unknown): Promise<void>;
}

/** What the API server, or the way to it, answered instead of an object. */
export class ApiError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** `reason` of the Status object, such as `NotFound`, `AlreadyExists`, `Conflict`; empty when there is none. */
  readonly reason: string;
  /** How long the server asked to wait before the next try. */
  readonly retryAfterMs: number | undefined;
  /** What was asked, such as `GET /api/v1/pods`, where the server has answered. */
  readonly call: string | undefined;

  constructor(
    status: number,
    reason: string,
    message: string,
    options: { retryAfterMs?: number; call?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
    this.call = options.call;
  }
}

/** There is no such object, or not its namespace. */
export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

/** The name is taken, the object was changed since it was read, or somebody else owns a field that is applied. */
export const isConflict = (error: unknown): boolean => error instanceof ApiError && error.status === 409;
