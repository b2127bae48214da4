import type { Timers } from '../clock.ts';
import { KeepAlive, type KeepAliveTimes } from '../keep-alive.ts';
import type { FieldTable } from '../wire/field-table.ts';
import { Http1Server } from '../wire/http1/server.ts';
import { Http2Server } from '../wire/http2/server.ts';
import type { HttpVersion, RequestListener } from '../wire/stream.ts';
import type { Connection, Turn } from '../wire/transport.ts';
import type { OpenConnections } from './open-connections.ts';

/** What all connections of a side have in common. */
export interface ServeHttpOptions {
  clock: Timers;
  turn: Turn;
  fields: FieldTable;
  open: OpenConnections;
  /** Of HTTP/2 connections; undefined when clients are never asked for a sign of life. */
  keepAlive: KeepAliveTimes | undefined;
}

/** Told of what comes on one connection. */
export interface ServeHttpListener {
  onRequest: RequestListener;
  /** The client broke HTTP; `reason` names the rule. */
  onRefused: (reason: string) => void;
  onClosed: (error: Error | undefined) => void;
}

/** Serves HTTP on a connection, of which `bytes` have been read. */
export function serveHttp(
  connection: Connection,
  version: HttpVersion,
  bytes: Uint8Array,
  options: ServeHttpOptions,
  listener: ServeHttpListener,
): void {
  const { clock, turn, fields, open, keepAlive } = options;
  const { onRequest, onRefused } = listener;
  const closed = (error: Error | undefined): void => {
    watched?.stop();
    open.remove(server);
    listener.onClosed(error);
  };
  const server: Http1Server | Http2Server =
    version === 'http1'
      ? new Http1Server({
          transport: connection,
          turn,
          fields,
          deadlines: open.deadlines,
          nowMs: () => open.nowMs(),
          onRequest,
          onBadRequest: onRefused,
          onClosed: () => closed(undefined),
        })
      : new Http2Server({
          transport: connection,
          turn,
          fields,
          deadlines: open.deadlines,
          budget: connection.budget,
          onRequest,
          onProtocolError: onRefused,
          onClosed: closed,
        });
  const watched =
    server instanceof Http2Server && keepAlive !== undefined
      ? new KeepAlive(connection, server, keepAlive, clock)
      : undefined;
  connection.handler = server;
  open.add(server, connection, version);
  if (bytes.length > 0) server.onBytes(bytes);
}
