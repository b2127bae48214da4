import type { OutgoingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { type Answer, PingedConnection, type PingTimes } from './pinged-connection.ts';
import { type Credentials, type ServerAccess, sameConnection } from './server-access.ts';

interface Known {
  readonly connection: PingedConnection;
  readonly credentials: Credentials;
}

interface Connecting {
  readonly credentials: Credentials;
  readonly done: Promise<void>;
}

/**
 * The HTTP/2 connections that watches share: one, and another only when the server takes no more streams on those that
 * there are.
 */
export class WatchConnections {
  private readonly access: Pick<ServerAccess, 'url' | 'serverName' | 'insecure'>;
  private readonly ping: PingTimes | undefined;
  private known: Known[] = [];
  private connecting: Connecting | undefined = undefined;
  /** With whose credentials the server was found not to speak HTTP/2. */
  private without: Credentials | undefined = undefined;
  private closed = false;

  constructor(access: Pick<ServerAccess, 'url' | 'serverName' | 'insecure'>, ping: PingTimes | undefined) {
    this.access = access;
    this.ping = ping;
  }

  /** A GET; undefined when the server does not speak HTTP/2. Rejects when it cannot be connected to. */
  async get(
    path: string,
    headers: OutgoingHttpHeaders,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    if (this.access.url.protocol !== 'https:') return undefined;
    // Each round one more connection is made, which takes one stream at least.
    for (;;) {
      if (this.closed) throw new Error('the client is closed');
      // Asked at once, so that nobody else takes the room in between.
      const free = this.known.find((one) => one.connection.hasRoom && sameConnection(one.credentials, credentials));
      if (free !== undefined) return free.connection.get(path, headers, signal);
      if (this.without !== undefined && sameConnection(this.without, credentials)) return undefined;
      await this.another(credentials, signal);
    }
  }

  /** Ends all of them with their streams. */
  close(): void {
    this.closed = true;
    for (const { connection } of this.known) connection.close();
  }

  /** Settles when there is one more. Who asks while one is connected waits for that. */
  private another(credentials: Credentials, signal: AbortSignal): Promise<void> {
    if (this.connecting !== undefined && sameConnection(this.connecting.credentials, credentials)) {
      return this.connecting.done;
    }
    const connecting = {
      credentials,
      done: this.connect(credentials, signal).finally(() => {
        if (this.connecting === connecting) this.connecting = undefined;
      }),
    };
    this.connecting = connecting;
    return connecting.done;
  }

  private async connect(credentials: Credentials, signal: AbortSignal): Promise<void> {
    const { url, serverName, insecure } = this.access;
    const { ca, cert, key } = credentials;
    const servername = serverName ?? (isIP(hostOf(url)) === 0 ? url.hostname : undefined);
    const options = { ca, cert, key, servername, minVersion: 'TLSv1.2' as const, rejectUnauthorized: !insecure };
    const connection = await PingedConnection.connect(url, options, signal, this.ping);
    if (connection?.usable === false) throw new Error('the connection closed');
    this.without = connection === undefined ? credentials : undefined;
    // One that takes no more streams keeps those that it has, and closes after the last.
    this.known = this.known.filter((one) => one.connection.usable);
    if (connection !== undefined) this.known.push({ connection, credentials });
    if (this.closed) connection?.close();
  }
}

const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1');
