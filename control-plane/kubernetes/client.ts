import { ApiError, type KubernetesApi, type PatchType } from './api.ts';
import { type Answer, Connections, type Outgoing } from './connections.ts';
import { authorizationOf, type Credentials, type ServerAccess } from './server-access.ts';
import { readBody, statusError, textOf } from './status-error.ts';

export interface ClientOptions {
  /** Deadline of a whole call; of a watch, until its head has come. Default 30 s. */
  readonly timeoutMs?: number;
  /** The largest answer that is read. Default 64 MiB: a page of 500 pods has a few. */
  readonly maxBodyBytes?: number;
  /** Connections to the server at once. Default 128. */
  readonly maxConnections?: number;
  /** Between pings of a connection of HTTP/2. Default 10 s: without an answer it ends within 20 s. */
  readonly pingMs?: number;
  readonly userAgent?: string;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** What is written as JSON; bytes stay as they are. */
  readonly body?: unknown;
  readonly contentType?: string;
}

const patchTypes: Record<PatchType, string> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  // JSON is YAML too.
  apply: 'application/apply-patch+yaml',
};

/** The API server's own keys (`/openid/v1/jwks`) come as nothing but the second. */
const accept = 'application/json, application/jwk-set+json';

/** An API server. Credentials that change take effect with the next call. */
export class KubernetesClient implements KubernetesApi {
  private readonly access: ServerAccess;
  private readonly options: Required<Pick<ClientOptions, 'timeoutMs' | 'maxBodyBytes' | 'userAgent'>>;
  private readonly connections: Connections;

  constructor(access: ServerAccess, options: ClientOptions = {}) {
    const { timeoutMs = 30_000, maxBodyBytes = 64 * 1024 * 1024, maxConnections = 128, pingMs = 10_000 } = options;
    this.access = access;
    this.options = { timeoutMs, maxBodyBytes, userAgent: options.userAgent ?? 'tulle' };
    this.connections = new Connections(access, { maxConnections, pingMs, connectTimeoutMs: timeoutMs });
  }

  get<T>(path: string, query?: Readonly<Record<string, string>>): Promise<T> {
    return this.call<T>({ method: 'GET', path, query });
  }

  create<T>(path: string, object: unknown): Promise<T> {
    return this.call<T>({ method: 'POST', path, body: object });
  }

  replace<T>(path: string, object: unknown): Promise<T> {
    return this.call<T>({ method: 'PUT', path, body: object });
  }

  patch<T>(path: string, patch: unknown, type: PatchType, query?: Readonly<Record<string, string>>): Promise<T> {
    return this.call<T>({ method: 'PATCH', path, query, body: patch, contentType: patchTypes[type] });
  }

  async delete(path: string, options?: unknown): Promise<void> {
    await this.call({ method: 'DELETE', path, body: options });
  }

  /**
   * A GET whose answer goes on, such as a watch: resolves once its head has come. The caller reads it to its end or
   * destroys it; `signal` ends it too. Rejects with an ApiError. Over HTTP/2 a server that is gone without a word ends it
   * with an error that `isFrozen` knows.
   */
  async stream(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer> {
    const call = { method: 'GET', path, query };
    return this.within(async (deadline) => {
      const either = AbortSignal.any([signal, deadline]);
      const response = await this.answer(call, either);
      if (response.statusCode === 200) return response;
      throw statusError(title(call), response, await this.read(call, response, either));
    });
  }

  /**
   * A POST of bytes to what does not speak as the API server does, such as an API that is served beside it: the answer is
   * the caller's as it comes, whatever its status. Otherwise as `stream`.
   */
  exchange(path: string, body: Uint8Array, contentType: string, signal: AbortSignal): Promise<Answer> {
    const call = { method: 'POST', path, body, contentType };
    return this.within((deadline) => this.answer(call, AbortSignal.any([signal, deadline])));
  }

  close(): void {
    this.connections.close();
    this.access.close();
  }

  private async call<T>(call: Call): Promise<T> {
    return this.within(async (deadline) => {
      const response = await this.answer(call, deadline);
      const body = await this.read(call, response, deadline);
      const status = response.statusCode;
      if (status < 200 || status > 299) throw statusError(title(call), response, body);
      return objectOf(call, status, body) as T;
    });
  }

  private async within<T>(work: (deadline: AbortSignal) => Promise<T>): Promise<T> {
    const { timeoutMs } = this.options;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      return await work(deadline.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Credentials that were refused are read again, and the call is made once more if there are others. */
  private async answer(call: Call, signal: AbortSignal): Promise<Answer> {
    const send = (credentials: Credentials): Promise<Answer> =>
      this.connections.send(this.outgoing(call, credentials), credentials, signal);
    try {
      const used = this.access.credentials();
      const response = await send(used);
      if (response.statusCode !== 401) return response;
      await this.access.refresh();
      const fresh = this.access.credentials();
      if (fresh === used) return response;
      response.destroy();
      return await send(fresh);
    } catch (error) {
      throw this.noAnswer(call, error as Error, signal);
    }
  }

  private outgoing({ method, path, query, body, contentType }: Call, credentials: Credentials): Outgoing {
    const { url, headers } = this.access;
    const target = new URL(url.pathname.replace(/\/$/, '') + path, url);
    for (const [name, value] of Object.entries(query ?? {})) target.searchParams.set(name, value);
    return {
      method,
      path: target.pathname + target.search,
      headers: {
        ...headers,
        accept,
        'user-agent': this.options.userAgent,
        ...authorizationOf(credentials),
        ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
      },
      body: body === undefined || body instanceof Uint8Array ? body : JSON.stringify(body),
    };
  }

  private async read(call: Call, response: Answer, signal: AbortSignal): Promise<string> {
    try {
      return await readBody(response, this.options.maxBodyBytes);
    } catch (error) {
      throw this.noAnswer(call, error as Error, signal);
    }
  }

  private noAnswer(call: Call, error: Error, { aborted, reason }: AbortSignal): ApiError {
    const cause = aborted && reason instanceof Error ? reason : error;
    return new ApiError(0, '', `${title(call)}: ${this.access.url.host}: ${describe(cause)}`, { cause });
  }
}

/** What the API server answers is an object; anything else comes from something that is none. */
function objectOf(call: Call, status: number, body: string): object {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {}
  if (typeof answer === 'object' && answer !== null && !Array.isArray(answer)) return answer;
  throw new ApiError(status, '', `${title(call)}: the answer is no object in JSON: ${textOf(body)}`);
}

function describe(error: Error): string {
  // A name with several addresses fails with an error of each, and no word of its own.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(String).join(', ');
  const { code, reason } = error as NodeJS.ErrnoException & { readonly reason?: unknown };
  // OpenSSL's own text has addresses and files of its source, and ends with a line break.
  return code?.startsWith('ERR_SSL_') && typeof reason === 'string' ? `no TLS with it: ${reason}` : error.message;
}

const title = ({ method, path }: Call): string => `${method} ${path}`;
