import http from 'node:http';
import https from 'node:https';
import { ApiError, type KubernetesApi, type PatchType } from './api.ts';
import type { Answer, PingTimes } from './pinged-connection.ts';
import { type Credentials, type ServerAccess, sameConnection } from './server-access.ts';
import { readBody, statusError } from './status-error.ts';
import { WatchConnections } from './watch-connections.ts';

export interface ClientOptions {
  /** Deadline of a whole call; of a watch, until its head has come. Default 30 s. */
  readonly timeoutMs?: number;
  /** The largest answer that is read. Default 64 MiB: a page of 500 pods has a few. */
  readonly maxBodyBytes?: number;
  /** Connections to the server, besides those of watches. Default 128. */
  readonly maxConnections?: number;
  /** How connections of watches are pinged. Default: each 10 s, for an answer within 10 s. */
  readonly ping?: PingTimes;
  readonly userAgent?: string;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
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

/** Idle connections are closed before the API server closes them (after 90 s), so that no call meets a closed one. */
const idleConnectionMs = 60_000;

/**
 * An API server over HTTP/1.1, on connections that are kept; answers that go on share those of HTTP/2, where the server
 * has it. Credentials that change take effect with the next call.
 */
export class KubernetesClient implements KubernetesApi {
  private readonly access: ServerAccess;
  private readonly options: Required<Omit<ClientOptions, 'ping'>>;
  private agent: http.Agent | undefined = undefined;
  private agentCredentials: Credentials | undefined = undefined;
  private readonly watches: WatchConnections;

  constructor(access: ServerAccess, options: ClientOptions = {}) {
    this.access = access;
    this.options = {
      timeoutMs: options.timeoutMs ?? 30_000,
      maxBodyBytes: options.maxBodyBytes ?? 64 * 1024 * 1024,
      maxConnections: options.maxConnections ?? 128,
      userAgent: options.userAgent ?? 'tulle',
    };
    this.watches = new WatchConnections(access, options.ping);
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
   * with a FrozenConnection.
   */
  async stream(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer> {
    const call = { method: 'GET', path, query };
    return this.within(async (deadline) => {
      const either = AbortSignal.any([signal, deadline]);
      const response = await this.answer((credentials) => this.open(call, credentials, either));
      if (response.statusCode === 200) return response;
      throw statusError(title(call), response, await this.read(call, response, either));
    });
  }

  /** Idle connections are not used again: the way to the server may have died without a word. */
  dropIdle(): void {
    for (const sockets of Object.values(this.agent?.freeSockets ?? {})) {
      for (const socket of [...(sockets ?? [])]) socket.destroy();
    }
  }

  close(): void {
    this.agent?.destroy();
    this.agent = undefined;
    this.watches.close();
    this.access.close();
  }

  private async call<T>(call: Call): Promise<T> {
    return this.within(async (deadline) => {
      const response = await this.answer((credentials) => this.send(call, credentials, deadline));
      const body = await this.read(call, response, deadline);
      const status = response.statusCode ?? 0;
      if (status < 200 || status > 299) throw statusError(title(call), response, body);
      try {
        return JSON.parse(body) as T;
      } catch (error) {
        throw new ApiError(status, '', `${title(call)}: the answer is no JSON: ${(error as Error).message}`);
      }
    });
  }

  private async within<T>(work: (deadline: AbortSignal) => Promise<T>): Promise<T> {
    const { timeoutMs } = this.options;
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      deadline.abort(new Error(`no answer within ${timeoutMs} ms`));
      this.dropIdle();
    }, timeoutMs);
    try {
      return await work(deadline.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Credentials that were refused are read again, and the call is made once more if there are others. */
  private async answer(send: (credentials: Credentials) => Promise<Answer>): Promise<Answer> {
    const used = this.access.credentials();
    const response = await send(used);
    if (response.statusCode !== 401) return response;
    await this.access.refresh();
    const fresh = this.access.credentials();
    if (fresh === used) return response;
    response.destroy();
    return send(fresh);
  }

  /** On a connection that watches share, or one of HTTP/1.1 where there is no HTTP/2. */
  private async open(call: Call, credentials: Credentials, signal: AbortSignal): Promise<Answer> {
    try {
      const { pathname, search } = this.target(call);
      const headers = this.headers(credentials);
      const answer = await this.watches.get(pathname + search, headers, credentials, signal);
      return answer ?? (await this.send(call, credentials, signal));
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw this.noAnswer(call, error as Error, signal);
    }
  }

  private target(call: Call): URL {
    const { url } = this.access;
    const target = new URL(url.pathname.replace(/\/$/, '') + call.path, url);
    for (const [name, value] of Object.entries(call.query ?? {})) target.searchParams.set(name, value);
    return target;
  }

  private headers(credentials: Credentials): http.OutgoingHttpHeaders {
    const given = Object.entries(this.access.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
    const headers: http.OutgoingHttpHeaders = {
      ...Object.fromEntries(given),
      accept,
      'user-agent': this.options.userAgent,
    };
    if (credentials.token !== undefined) headers['authorization'] = `Bearer ${credentials.token}`;
    return headers;
  }

  private send(call: Call, credentials: Credentials, signal: AbortSignal): Promise<Answer> {
    const { url, serverName } = this.access;
    const target = this.target(call);
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const headers = this.headers(credentials);
    if (body !== undefined) {
      headers['content-type'] = call.contentType ?? 'application/json';
      headers['content-length'] = Buffer.byteLength(body);
    }

    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const { request } = url.protocol === 'https:' ? https : http;
    const outgoing = request(target, {
      method: call.method,
      headers,
      agent: this.agentFor(credentials),
      servername: serverName,
      signal,
    });
    outgoing.once('response', resolve);
    // Once there is a response, its own error tells the same.
    outgoing.on('error', (error) => reject(this.noAnswer(call, error, signal)));
    outgoing.end(body);
    return promise;
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
    return new ApiError(0, '', `${title(call)}: ${this.access.url.host}: ${cause.message}`, { cause });
  }

  private agentFor(credentials: Credentials): http.Agent {
    const { ca, cert, key } = credentials;
    if (this.agent !== undefined && sameConnection(this.agentCredentials, credentials)) return this.agent;
    // Calls under way keep the old connections until they end.
    this.dropIdle();
    const pool = {
      keepAlive: true,
      timeout: idleConnectionMs,
      maxSockets: this.options.maxConnections,
      maxFreeSockets: 8,
    };
    this.agentCredentials = credentials;
    this.agent =
      this.access.url.protocol === 'https:'
        ? new https.Agent({ ...pool, ca, cert, key, minVersion: 'TLSv1.2', rejectUnauthorized: !this.access.insecure })
        : new http.Agent(pool);
    return this.agent;
  }
}

const title = ({ method, path }: Call): string => `${method} ${path}`;
