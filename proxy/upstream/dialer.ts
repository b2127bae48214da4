import type { Timers } from '../clock.ts';
import type { HttpVersion } from '../exchange/exchange.ts';
import { KeepAlive, type KeepAliveTimes } from '../keep-alive.ts';
import { connect } from '../net/connect.ts';
import type { SocketOptions } from '../net/socket-options.ts';
import type { TlsContext } from '../net/tls.ts';
import type { TransportMetrics } from '../telemetry/registry.ts';
import { encodeTransportHeader, transportAlpn } from '../wire/detect/transport-header.ts';
import type { FieldTable } from '../wire/field-table.ts';
import { Http1Client } from '../wire/http1/client.ts';
import { Http2Client } from '../wire/http2/client.ts';
import type { Connection, TransportHandler, Turn } from '../wire/transport.ts';
import type { Dialled, PoolFailure } from './connection-pool.ts';
import type { Dialer, Endpoint } from './endpoint.ts';

export interface SocketDialerOptions {
  turn: Turn;
  fields: FieldTable;
  connectTimeoutMs: number;
  socketOptions: SocketOptions;
  /** Of HTTP/2 connections; undefined when endpoints are never asked for a sign of life. */
  keepAlive: KeepAliveTimes | undefined;
  timers: Timers;
  /** This proxy's certificate; undefined until it has one. */
  tls: () => TlsContext | undefined;
  metrics: (endpoint: Endpoint) => TransportMetrics;
  onFailure: (endpoint: Endpoint, failure: PoolFailure, detail: string) => void;
}

/** Dials endpoints over sockets. */
export class SocketDialer implements Dialer {
  private readonly options: SocketDialerOptions;

  constructor(options: SocketDialerOptions) {
    this.options = options;
  }

  dialHttp(endpoint: Endpoint, version: HttpVersion, dialled: Dialled): void {
    const { turn, fields, keepAlive, timers } = this.options;
    this.dial(
      endpoint,
      version,
      (connection) => {
        const options = { transport: connection, turn, fields };
        const onAvailable = (client: Http1Client | Http2Client): void => dialled.onAvailable(client);
        const metrics = this.opened(endpoint, connection);
        const onClosed = (client: Http1Client | Http2Client, error: Error | undefined): void => {
          watched?.stop();
          metrics.connectionClosed(connection, errnoOf(error));
          dialled.onClosed(client);
        };
        const client =
          version === 'http1'
            ? new Http1Client({ ...options, onAvailable, onClosed })
            : new Http2Client({ ...options, onAvailable, onClosed });
        const watched =
          client instanceof Http2Client && keepAlive !== undefined
            ? new KeepAlive(connection, client, keepAlive, timers)
            : undefined;
        connection.handler = client;
        dialled.onConnected(client);
      },
      (reason) => dialled.onDialFailed(reason),
    );
  }

  dialTcp(
    endpoint: Endpoint,
    onConnected: (connection: Connection) => void,
    onFailed: (reason: PoolFailure) => void,
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

  private opened(endpoint: Endpoint, connection: Connection): TransportMetrics {
    const metrics = this.options.metrics(endpoint);
    metrics.connectionOpened(connection);
    return metrics;
  }

  private dial(
    endpoint: Endpoint,
    protocol: HttpVersion | undefined,
    onConnected: (connection: Connection) => void,
    onFailed: (reason: PoolFailure) => void,
  ): void {
    const { connectTimeoutMs, socketOptions, timers } = this.options;
    const { info } = endpoint;
    const fail = (reason: PoolFailure, detail: string): void => {
      this.options.onFailure(endpoint, reason, detail);
      onFailed(reason);
    };
    const common = { timeoutMs: connectTimeoutMs, timers, options: socketOptions };
    if (info.identity === undefined) {
      connect({ host: info.address, port: info.port, ...common }, onConnected, fail);
      return;
    }
    const context = this.options.tls();
    if (context === undefined) {
      fail('tls', 'this proxy has no certificate yet');
      return;
    }
    const viaHeader = info.opaqueTransportPort !== undefined;
    const tls = {
      context,
      serverName: info.identity.serverName,
      identity: info.identity.name,
      alpn: viaHeader ? [transportAlpn] : [],
    };
    connect(
      { host: info.address, port: info.opaqueTransportPort ?? info.port, ...common, tls },
      (connection) => {
        if (viaHeader) connection.write(encodeTransportHeader({ port: info.port, name: '', protocol }));
        onConnected(connection);
      },
      fail,
    );
  }
}

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
