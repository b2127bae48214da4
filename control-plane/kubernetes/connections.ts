import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import request from 'undici/lib/api/api-request.js';
import Pool from 'undici/lib/dispatcher/pool.js';
import { type Credentials, type ServerAccess, sameConnection } from './server-access.ts';

/** The head of an answer, and its body to read. */
export type Answer = Readable & { readonly statusCode: number; readonly headers: IncomingHttpHeaders };

export interface Outgoing {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Uint8Array;
}

export interface ConnectionsOptions {
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  /** Between pings of a connection; one that is not answered until the next is due is its end. */
  readonly pingMs: number;
}

/**
 * A connection that has been idle for so long is closed: before the API server does (after 90 s), and soon enough that
 * whoever tries again after a deadline meets none of those to a server that is gone without a word.
 */
const idleMs = 10_000;

/** Of a stream, and of all: a page of events must not wait for another kind's. */
const streamWindow = 1024 * 1024;
const connectionWindow = 8 * streamWindow;

/**
 * The connections to an API server: one of HTTP/2, and another when the server takes no more streams on it; or of
 * HTTP/1.1, where it has nothing else, one for each call. Those of HTTP/2 are pinged, for a server that is gone without a
 * word looks just like one whose watches are quiet. Another CA or client certificate makes others; what is under way goes
 * on over the old ones.
 */
export class Connections {
  private readonly access: ServerAccess;
  private readonly options: ConnectionsOptions;
  private current: { readonly credentials: Credentials; readonly pool: Dispatcher } | undefined = undefined;
  /** Until the last answer over them has ended. */
  private readonly retired = new Set<Dispatcher>();
  private closed = false;

  constructor(access: ServerAccess, options: ConnectionsOptions) {
    this.access = access;
    this.options = options;
  }

  /** Resolves once the head of the answer has come; `signal` ends it then, too. */
  async send(outgoing: Outgoing, credentials: Credentials, signal: AbortSignal): Promise<Answer> {
    const { statusCode, headers, body } = await request.call(this.pool(credentials), {
      ...outgoing,
      method: outgoing.method as Dispatcher.HttpMethod,
      origin: this.access.url.origin,
      signal,
      // Calls have a deadline, and a watch may be quiet for as long as pings are answered.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    // Who destroys an answer needs not hear of it; who reads it is told all the same.
    body.on('error', () => {});
    return Object.assign(body, { statusCode, headers });
  }

  /** Ends all of them with what is under way. */
  close(): void {
    this.closed = true;
    if (this.current !== undefined) this.retired.add(this.current.pool);
    this.current = undefined;
    for (const pool of this.retired) void pool.destroy();
    this.retired.clear();
  }

  private pool(credentials: Credentials): Dispatcher {
    if (this.closed) throw new Error('the client is closed');
    const { current } = this;
    if (current !== undefined) {
      if (sameConnection(current.credentials, credentials)) return current.pool;
      this.retire(current.pool);
    }
    const pool = this.access.dispatcher?.(credentials) ?? this.direct(credentials);
    const made = { credentials, pool };
    this.current = made;
    // undici opens no other connection beside one that the server ends gracefully while a watch goes on over it.
    pool.on('disconnect', (_origin, _targets, error) => {
      if (this.current !== made || !isGoAway(error)) return;
      this.current = undefined;
      this.retire(pool);
    });
    return pool;
  }

  private direct({ ca, cert, key }: Credentials): Dispatcher {
    const { url, serverName, insecure } = this.access;
    const { maxConnections, connectTimeoutMs, pingMs } = this.options;
    return new Pool(url.origin, {
      connections: maxConnections,
      connect: {
        ...{ ca, cert, key, servername: serverName, timeout: connectTimeoutMs },
        minVersion: 'TLSv1.2',
        rejectUnauthorized: !insecure,
        preferH2: true,
      },
      keepAliveTimeout: idleMs,
      h2Options: { pingInterval: pingMs, connectionWindowSize: connectionWindow },
      initialWindowSize: streamWindow,
    });
  }

  private retire(pool: Dispatcher): void {
    this.retired.add(pool);
    // Rejects when it is destroyed before.
    const forget = (): boolean => this.retired.delete(pool);
    pool.close().then(forget, forget);
  }
}

/** A server that sends its clients elsewhere, as kube-apiserver does with --goaway-chance and when it ends. */
const isGoAway = ({ message }: Error): boolean => message.startsWith('HTTP/2: "GOAWAY" frame received');

/** Whether this ended an answer whose server is gone without a word: it answered no ping. */
export function isFrozen(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'UND_ERR_SOCKET' && message === 'HTTP/2: connection unresponsive';
}
