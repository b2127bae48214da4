import type { HttpVersion } from '../exchange/exchange.ts';
import type { FieldTable } from '../wire/field-table.ts';
import { Http1Server } from '../wire/http1/server.ts';
import { Http2Server } from '../wire/http2/server.ts';
import type { RequestListener } from '../wire/stream.ts';
import type { Connection, Turn } from '../wire/transport.ts';
import type { OpenConnections } from './open-connections.ts';

export interface ServeHttpOptions {
  turn: Turn;
  fields: FieldTable;
  open: OpenConnections;
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
): void {
  const { turn, fields, onRequest, open } = options;
  const closed = (error: Error | undefined): void => {
    open.remove(server);
    options.onClosed(error);
  };
  const server: Http1Server | Http2Server =
    version === 'http1'
      ? new Http1Server({
          transport: connection,
          turn,
          fields,
          onRequest,
          onBadRequest: options.onRefused,
          onClosed: () => closed(undefined),
        })
      : new Http2Server({
          transport: connection,
          turn,
          fields,
          onRequest,
          onProtocolError: options.onRefused,
          onClosed: closed,
        });
  connection.handler = server;
  open.add(server);
  if (bytes.length > 0) server.onBytes(bytes);
}
