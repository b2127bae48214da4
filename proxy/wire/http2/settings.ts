import type { Deadlines } from '../deadlines.ts';
import type { FieldTable } from '../field-table.ts';
import { headListBytes, pathBytes } from '../limits.ts';
import type { PeerBudget } from '../peer-budget.ts';
import type { Transport, Turn } from '../transport.ts';
import { defaultWindowBytes } from './frame.ts';

export interface Http2Settings {
  /** Receive window of each stream, in bytes. Default 65,535. */
  streamWindowBytes: number;
  /** Receive window of the connection, in bytes. Default 1 MiB. */
  connectionWindowBytes: number;
  /** Streams that the peer may have open. Default 1,000. */
  maxConcurrentStreams: number;
  /** Decoded size of a header list, in bytes. Default 64 KiB. */
  maxHeaderListBytes: number;
  /** Length of a request's path, in bytes. Default 16 KiB. */
  maxPathBytes: number;
}

export const defaultHttp2Settings: Http2Settings = {
  streamWindowBytes: defaultWindowBytes,
  connectionWindowBytes: 1024 * 1024,
  maxConcurrentStreams: 1000,
  maxHeaderListBytes: headListBytes,
  maxPathBytes: pathBytes,
};

/** What either side of a connection is made of. */
export interface Http2SessionOptions {
  transport: Transport;
  turn: Turn;
  fields: FieldTable;
  settings?: Partial<Http2Settings>;
  deadlines?: Deadlines;
  /** Of the peer's other connections too. */
  budget?: PeerBudget | undefined;
  /** The connection broke a rule and was closed for it. */
  onProtocolError?: (reason: string) => void;
}
