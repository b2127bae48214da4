import type { PeerBudget } from './peer-budget.ts';

/**
 * A connection as the codecs see it: bytes out, and flow control of the bytes in. `net/` implements it on a runtime's
 * sockets (plain or TLS); tests implement it on two arrays.
 */
export interface Transport {
  /**
   * Takes the first `length` of `bytes`, or all (copying what the kernel did not), so the caller may reuse its buffer at
   * once. Returns false when bytes are waiting in this process: stop producing until `onDrain`. Bytes that are `kept`
   * are not: nobody writes to them again, and what the kernel did not take waits where it lies.
   */
  write(bytes: Uint8Array, length?: number, kept?: boolean): boolean;
  /** True while bytes are waiting for the socket to become writable. */
  readonly blocked: boolean;
  /** Sends FIN once everything written has left. Reading goes on. */
  end(): void;
  /** Closes both directions after what was written has left, and forgets the peer. */
  close(): void;
  /** RST at once. */
  abort(): void;
  /**
   * Stops and restarts `onBytes`. A chunk or two may still arrive after `pause`. A paused connection is told of a reset, but
   * of neither the peer's FIN nor that both sides have ended: who pauses resumes or closes, whatever becomes of the reason.
   */
  pause(): void;
  resume(): void;
}

/** What a transport tells its owner. Exactly one `onClose` comes last. */
export interface TransportHandler {
  /** `chunk` is only valid during the call, unless it is handed to a `write` as `kept`: nobody writes to it again. */
  onBytes(chunk: Uint8Array): void;
  /** Everything written has left: `blocked` is false again. */
  onDrain(): void;
  /** The peer sent FIN; writing is still possible. */
  onEnd(): void;
  /** The connection is gone; `error` names why if it was not a clean close. */
  onClose(error: Error | undefined): void;
}

/** Something with collected output, written once at the end of the event-loop turn. */
export interface Flushable {
  /** Kept by the turn: true from `schedule` to `flush`. */
  scheduled: boolean;
  flush(): void;
}

/**
 * Collects connections that have output, and flushes each once per event-loop turn: one write per connection and turn
 * is where the data path's speed comes from. `net/turn.ts` drives it with the runtime's `setImmediate`; tests by hand.
 */
export interface Turn {
  /** `connection.flush()` will be called once, after this turn's reads. Calling again before that does nothing more. */
  schedule(connection: Flushable): void;
}

/** Who is at the other end of a TLS connection, known once the handshake is done. */
export interface TlsPeer {
  /** DNS SAN of the peer's verified certificate; undefined when it showed none. */
  readonly identity: string | undefined;
  /** Negotiated ALPN protocol. */
  readonly alpn: string | undefined;
}

/** A transport over a real connection: its handler may be changed as the connection changes hands. */
export interface Connection extends Transport {
  handler: TransportHandler;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Undefined on a plain connection. */
  readonly tls: TlsPeer | undefined;
  /** What its peer has left; undefined where peers are not held to any. */
  readonly budget?: PeerBudget | undefined;
}
