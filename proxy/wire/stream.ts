import type { Field } from './field.ts';

export type HttpVersion = 'http1' | 'http2';

/**
 * The contract between the codecs (HTTP/1 and HTTP/2, server and client side) and the stacks that join two of them.
 *
 * A message is: head, data*, then an end, which is either `end = true` on the last head or data, or trailers.
 * A codec strips what belongs to its own hop (`connection`, `keep-alive`, `proxy-connection`, `transfer-encoding`,
 * `upgrade`, `host`, `content-length`, `te` other than `trailers`) into the head's properties and writes it anew for
 * the next hop. What is left is in `fields`, in the order of arrival.
 */
export interface RequestHead {
  readonly method: string;
  /** `http` or `https`. */
  readonly scheme: string;
  /** Host and optional port: `:authority`, the absolute-form target's authority, or `Host`. Empty if there was none. */
  readonly authority: string;
  /** Origin-form path and query, `*` for OPTIONS *, empty for CONNECT. */
  readonly path: string;
  /** Body length in bytes, or -1 when not declared. */
  readonly contentLength: number;
  /** Protocol of an `Upgrade` (HTTP/1) or of an extended CONNECT (`:protocol`, RFC 8441); undefined when none. */
  readonly upgrade: string | undefined;
  /** An HTTP/1 target was in absolute-form (a client that was told to use a proxy), and is written so in HTTP/1. */
  readonly absoluteForm: boolean;
  readonly fields: readonly Field[];
  /** The marks of all fields, ORed (see FieldMark): whether there is any of a kind is one AND. */
  readonly marks: number;
}

export interface ResponseHead {
  readonly status: number;
  readonly contentLength: number;
  /** The protocol switched to by a 101; the one that a server asks for with 426, which HTTP/2 cannot say (RFC 9113 8.2.2). */
  readonly upgrade: string | undefined;
  readonly fields: readonly Field[];
  /** As of RequestHead. */
  readonly marks: number;
}

/** A head while its codec builds it. Behind the codec heads are read-only: who changes one makes a copy. */
export type Building<Head> = {
  -readonly [Key in keyof Head]: Head[Key] extends readonly Field[] ? Field[] : Head[Key];
};

/** Error codes of RFC 9113 section 7, used as the neutral reason of a reset in HTTP/1 too. */
export const ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** The reason of a reset that the peer asked for, when there is no other. */
export const resetByPeer = 'reset by the peer';

/** The reason of a reset when a server closed its connection and nothing of a response had come. */
export const closedUnanswered = 'connection closed before a response';
/** The same when something of one had come. */
export const closedInResponse = 'connection closed inside the response';

/** The reason of a reset when the connection was given up, since its peer did not answer or took nothing. */
export const peerSilent = 'the peer gave no sign of life';

/** What a stack may send on a stream. Calls after the end or after a reset are ignored. */
export interface Stream {
  /**
   * Sends body bytes. `chunk` is only valid during the call: it is copied into the connection's output, or, when the
   * flow-control window is shut or the connection is backed up, into the stream's own queue. The queue is bounded by
   * the credit that the other side was given, so `onSent` must drive `credit` of the stream that the bytes came from.
   */
  sendData(chunk: Uint8Array, end: boolean): void;
  /** Sends trailers and ends this direction. */
  sendTrailers(fields: readonly Field[]): void;
  /**
   * Ends both directions at once: RST_STREAM in HTTP/2; in HTTP/1 the connection is closed. No handler call follows.
   * With `noError`, behind a whole response, a server gives up the rest of the request only: the response still leaves.
   */
  reset(code: ErrorCode, reason: string): void;
  /** Gives back `bytes` of receive credit: that many received body bytes were passed on and left this process. */
  credit(bytes: number): void;
}

/** A request on the accepting side. */
export interface ServerStream extends Stream {
  /** A 1xx response, other than the 101 that accepts an upgrade. */
  sendInformational(head: ResponseHead): void;
  /** Has an HTTP/1 connection close behind this response, and say so. */
  closeAfterResponse?(): void;
  /** After a 101, or a 2xx to CONNECT, data is a raw byte stream both ways until each side has ended. */
  sendResponse(head: ResponseHead, end: boolean): void;
}

/**
 * What a stack is told about a stream. Chunks are only valid during the call, and only until the stack has passed them
 * on: what it starts by that may bring the next one.
 */
export interface StreamHandler {
  onData(chunk: Uint8Array, end: boolean): void;
  onTrailers(fields: readonly Field[]): void;
  /** `bytes` given to sendData have left for the socket: the source may have its credit back. */
  onSent(bytes: number): void;
  /** The stream died (peer's reset, connection lost, protocol error). Both directions are over. */
  onReset(code: ErrorCode, reason: string): void;
}

export interface ResponseHandler extends StreamHandler {
  onInformational(head: ResponseHead): void;
  onResponse(head: ResponseHead, end: boolean): void;
}

/** Called once a request's head is complete. The returned handler gets the rest of the request. */
export type RequestListener = (stream: ServerStream, head: RequestHead, end: boolean) => StreamHandler;

/** Client side of one connection, HTTP/1 or HTTP/2. */
export interface ClientConnection {
  /** Kept by the pool that the connection belongs to: true while it is listed there as available. */
  listed: boolean;
  /** Requests begun on it so far: above 0, a connection that closes may have been about to when the request came. */
  readonly requests: number;
  /**
   * Starts a request; `handler` gets the response. Returns undefined when this connection takes no request now
   * (busy HTTP/1, no stream left, draining, closed): the caller then picks or opens another one. `extra` are fields of
   * this hop, written behind those of the head.
   */
  request(head: RequestHead, end: boolean, handler: ResponseHandler, extra?: readonly Field[]): Stream | undefined;
  /** Requests in flight. */
  readonly activeStreams: number;
  /** True while `request` would start one. */
  readonly available: boolean;
  /** It will never take a request again, by our wish or the peer's. */
  readonly draining: boolean;
  /** Told the time now and then, in monotonic milliseconds: what has waited too long is given up. */
  checkDeadlines?(nowMs: number): void;
  /** Takes no new request, lets those in flight finish, then closes. */
  drain(): void;
  /** Closes at once; streams in flight are reset. */
  close(): void;
}
