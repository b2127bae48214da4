import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { Code } from './grpc-status.ts';
import type { OutgoingStream } from './outgoing-stream.ts';

/** Why a connection was ended without its client's consent, as metrics name it. */
export type DropReason = 'silent' | 'not closed' | 'too many silent';

/** In how many looks the streams of an old connection end, so that not all of their clients come back at once. */
const endingLooks = 8;

/**
 * A connection of a client, from its first byte to the end of its socket. Each look at it, every some seconds, takes it
 * one step further when it has to go:
 *
 *     open --old--> leaving: takes no more calls, some streams end at each look --> ending: all have --> over: no session
 *       `-------------silent: the last ping is not answered---------------------------------------------^     |
 *                                                                                         socket destroyed <--'
 *
 * A session that has ended is not the end of its socket: node ends its own half, and would wait for the client's for
 * ever.
 */
export class ServerConnection {
  readonly streams = new Set<OutgoingStream>();
  /** Who calls: kept, for a socket that is gone tells it no more. */
  readonly client: Pick<Socket, 'remoteAddress' | 'remotePort'>;
  private readonly socket: Socket;
  private readonly session: ServerHttp2Session;
  private readonly onDropped: (reason: DropReason) => void;
  private readonly endsMs: number;
  private state: 'open' | 'leaving' | 'ending' | 'over' = 'open';
  private looksLeft = endingLooks;
  private answered = true;

  /** It is old at `endsMs`, as `performance.now` counts. */
  constructor(socket: Socket, session: ServerHttp2Session, endsMs: number, onDropped: (reason: DropReason) => void) {
    this.socket = socket;
    this.client = { remoteAddress: socket.remoteAddress, remotePort: socket.remotePort };
    this.session = session;
    this.endsMs = endsMs;
    this.onDropped = onDropped;
  }

  look(nowMs: number): void {
    const { session } = this;
    if (session.destroyed) {
      if (this.state === 'over') this.drop('not closed');
      this.state = 'over';
      return;
    }
    if (!this.answered) {
      this.drop('silent');
      return;
    }
    if (this.state === 'ending') {
      // A client that gives no window for the end of a stream holds it up, and the session with it.
      session.destroy();
      this.state = 'over';
    } else if (this.state === 'leaving') this.endSome();
    else if (nowMs >= this.endsMs) this.leave();
    // Closing may have destroyed it just now: such a one refuses a ping.
    if (session.destroyed) return;
    this.answered = false;
    session.ping(() => {
      this.answered = true;
    });
  }

  /**
   * Takes no more calls, and closes when those under way have ended. A client that has said all may still wait for an answer,
   * or has gone: what goes on for ever ends then.
   */
  leave(): void {
    if (this.state === 'open') this.state = 'leaving';
    this.session.close();
    if (this.socket.readableEnded) this.endBegun();
    else this.socket.once('end', () => this.endBegun());
  }

  /** Ends what is left of it, whatever its client does. */
  destroy(): void {
    this.session.destroy();
    // What the session says last is written by then.
    setImmediate(() => this.socket.destroy());
  }

  drop(reason: DropReason): void {
    this.onDropped(reason);
    this.destroy();
  }

  private endBegun(): void {
    for (const stream of [...this.streams]) {
      if (stream.hasBegun) stream.end(Code.unavailable, 'the server takes no more calls here');
    }
  }

  /** They had since the last look for what was under way. Through a sidecar they are those of many proxies. */
  private endSome(): void {
    const count = Math.ceil(this.streams.size / this.looksLeft);
    for (const stream of [...this.streams].slice(0, count)) {
      stream.end(Code.unavailable, 'the connection is old: come back');
    }
    if (--this.looksLeft === 0) this.state = 'ending';
  }
}
