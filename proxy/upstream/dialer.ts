import { isIP } from 'node:net';
import type { Timers } from '../clock.ts';
import { KeepAlive, type KeepAliveTimes } from '../keep-alive.ts';
import { connect } from '../net/connect.ts';
import { resolve } from '../net/resolve.ts';
import type { SocketOptions } from '../net/socket-options.ts';
import type { TlsContext } from '../net/tls.ts';
import type { TransportMetrics } from '../telemetry/registry.ts';
import { encodeTransportHeader, transportAlpn } from '../wire/detect/transport-header.ts';
import type { FieldTable } from '../wire/field-table.ts';
import { Http1Client } from '../wire/http1/client.ts';
import { meshedPeer, unknownPeer } from '../wire/http2/cancel-budget.ts';
import { Http2Client } from '../wire/http2/client.ts';
import { formatHostPort, isLoopback } from '../wire/ip-network.ts';
import type { HttpVersion } from '../wire/stream.ts';
import type { Connection, TransportHandler, Turn } from '../wire/transport.ts';
import type { Dialled } from './connection-pool.ts';
import type { Dialer, Endpoint } from './endpoint.ts';
import type { PoolFailure } from './waiter.ts';

export interface SocketDialerOptions {
  turn: Turn;
  fields: FieldTable;
  connectTimeoutMs: number;
  socketOptions: SocketOptions;
  /**
   * Of HTTP/2 connections to other proxies, where the control plane says nothing of it; undefined when they are never
   * asked for a sign of life. Applications are never asked: many end a connection on which they are.
   */
  keepAlive: KeepAliveTimes | undefined;
  timers: Timers;
  /** This proxy's certificate; undefined until it has one. */
  tls: () => TlsContext | undefined;
  metrics: (endpoint: Endpoint) => TransportMetrics;
  /** Whether an address and port are of a listener that nothing may be led to: this proxy's own. */
  isOwnListener: (address: string, port: number) => boolean;
  /** Whether endpoints may be the outbound listeners of other sidecars: they are, at most, where nothing is intercepted. */
  meetsSidecars: boolean;
}

/** How long an HTTP/2 endpoint that took the connection has to say so (its SETTINGS). */
const greetingMs = 30_000;

/** Dials endpoints over sockets. */
export class SocketDialer implements Dialer {
  private readonly options: SocketDialerOptions;

  constructor(options: SocketDialerOptions) {
    this.options = options;
  }

  dialHttp(endpoint: Endpoint, version: HttpVersion, dialled: Dialled): void {
    const onConnected = (connection: Connection): void =>
      version === 'http1'
        ? this.serveHttp1(endpoint, connection, dialled)
        : this.serveHttp2(endpoint, connection, dialled);
    if (isIP(endpoint.info.address) === 0) dialled.onUnderWay();
    this.dial(endpoint, version, onConnected, (reason, detail) => dialled.onDialFailed(reason, detail));
  }

  dialTcp(
    endpoint: Endpoint,
    onConnected: (connection: Connection) => void,
    onFailed: (reason: PoolFailure, detail: string) => void,
  ): void {
    this.dial(
      endpoint,
      undefined,
      (connection) => {
        const metrics = this.opened(endpoint, connection);
        // Whoever waited may be gone, and close it at once.
        const unowned = new CountedHandler(connection, metrics);
        connection.handler = unowned;
        onConnected(connection);
        if (connection.handler !== unowned) connection.handler = new CountedHandler(connection, metrics);
      },
      onFailed,
    );
  }

  private serveHttp1(endpoint: Endpoint, connection: Connection, dialled: Dialled): void {
    const { turn, fields } = this.options;
    const metrics = this.opened(endpoint, connection);
    const client = new Http1Client({
      ...{ transport: connection, turn, fields },
      onAvailable: (available) => dialled.onAvailable(available),
      onClosed: (closed, error) => {
        metrics.connectionClosed(connection, errnoOf(error));
        dialled.onClosed(closed);
      },
    });
    connection.handler = client;
    dialled.onConnected(client);
  }

  /** The pool has it once the peer's SETTINGS have come: what it takes is not known before. */
  private serveHttp2(endpoint: Endpoint, connection: Connection, dialled: Dialled): void {
    const { turn, fields, timers } = this.options;
    const metrics = this.opened(endpoint, connection);
    let greeted = false;
    const greeting = timers.after(greetingMs, () => connection.abort());
    const client = new Http2Client({
      ...{ transport: connection, turn, fields },
      resets: endpoint.info.identity === undefined ? unknownPeer : meshedPeer,
      onAvailable: (available) => {
        if (greeted) {
          dialled.onAvailable(available);
          return;
        }
        greeted = true;
        timers.cancel(greeting);
        dialled.onConnected(available);
      },
      onClosed: (closed, error) => {
        watched?.stop();
        timers.cancel(greeting);
        metrics.connectionClosed(connection, errnoOf(error));
        if (greeted) dialled.onClosed(closed);
        else dialled.onDialFailed('connect', `closed before it spoke HTTP/2${error ? ` (${error.message})` : ''}`);
      },
    });
    const keepAlive = endpoint.info.identity && (endpoint.info.keepAlive ?? this.options.keepAlive);
    const watched = keepAlive && new KeepAlive(connection, client, keepAlive, timers);
    connection.handler = client;
    dialled.onUnderWay();
  }

  private opened(endpoint: Endpoint, connection: Connection): TransportMetrics {
    const metrics = this.options.metrics(endpoint);
    metrics.connectionOpened(connection);
    return metrics;
  }

  /** A name is resolved first: the resolver's time is not the endpoint's. */
  private dial(
    endpoint: Endpoint,
    protocol: HttpVersion | undefined,
    onConnected: (connection: Connection) => void,
    onFailed: (reason: PoolFailure, detail: string) => void,
  ): void {
    const { address } = endpoint.info;
    if (isIP(address) !== 0) {
      this.connect(endpoint, address, protocol, onConnected, onFailed);
      return;
    }
    resolve(address, this.options.timers).then(
      ([first]) => this.connect(endpoint, first, protocol, onConnected, onFailed),
      (error: Error) => onFailed('resolve', `${address} has no address: ${error.message}`),
    );
  }

  private connect(
    endpoint: Endpoint,
    host: string,
    protocol: HttpVersion | undefined,
    onConnected: (connection: Connection) => void,
    onFailed: (reason: PoolFailure, detail: string) => void,
  ): void {
    const { info } = endpoint;
    const { connectTimeoutMs, socketOptions, timers, isOwnListener, meetsSidecars } = this.options;
    const port = info.opaqueTransportPort ?? info.port;
    if (isOwnListener(host, port)) {
      timers.after(0, () => onFailed('loop', `${formatHostPort(host, port)} is this proxy itself`));
      return;
    }
    const common = { host, timeoutMs: connectTimeoutMs, timers, options: socketOptions };
    if (info.identity === undefined) {
      connect(
        { port, ...common },
        (connection) => {
          endpoint.mayBeSidecar = meetsSidecars && isOfThisHost(connection);
          onConnected(connection);
        },
        onFailed,
      );
      return;
    }
    const context = this.options.tls();
    if (context === undefined) {
      timers.after(0, () => onFailed('tls', 'this proxy has no certificate yet'));
      return;
    }
    // The peer's proxy is told what it need not find out: that these are opaque bytes it would else detect again.
    const viaPort = info.opaqueTransportPort !== undefined;
    const offersHeader = viaPort || protocol === undefined;
    const { serverName, name: identity } = info.identity;
    const tls = { context, serverName, identity, alpn: offersHeader ? [transportAlpn] : [] };
    connect(
      { port, ...common, tls },
      (connection) => {
        if (viaPort || connection.tls?.alpn === transportAlpn) {
          connection.write(encodeTransportHeader({ port: info.port, name: '', protocol }));
        }
        onConnected(connection);
      },
      onFailed,
    );
  }
}

/** What an outbound listener asks of its clients (see outbound/accept.ts), from the other end. */
const isOfThisHost = ({ localAddress, remoteAddress }: Connection): boolean =>
  localAddress === remoteAddress || isLoopback(localAddress);

/** Counts the end of a connection and passes everything on to its owner. */
class CountedHandler implements TransportHandler {
  private readonly connection: Connection;
  private readonly owner: TransportHandler;
  private readonly metrics: TransportMetrics;

  constructor(connection: Connection, metrics: TransportMetrics) {
    this.connection = connection;
    this.owner = connection.handler;
    this.metrics = metrics;
  }

  onBytes(chunk: Uint8Array): void {
    this.owner.onBytes(chunk);
  }

  onDrain(): void {
    this.owner.onDrain();
  }

  onEnd(): void {
    this.owner.onEnd();
  }

  onClose(error: Error | undefined): void {
    this.metrics.connectionClosed(this.connection, errnoOf(error));
    this.owner.onClose(error);
  }
}

/** The `errno` label of a connection's end: empty for a clean one. */
export function errnoOf(error: Error | undefined): string {
  if (error === undefined) return '';
  return (error as NodeJS.ErrnoException).code ?? 'UNKNOWN';
}
