import type { ErrorCode } from '../stream.ts';
import type { Transport, Turn } from '../transport.ts';
import { defaultWindowBytes, writeRstStream, writeWindowUpdate } from './frame.ts';
import { Http2Stream } from './http2-stream.ts';
import { MalformedMessage } from './message.ts';
import { Outgoing } from './outgoing.ts';
import type { Http2Settings } from './settings.ts';
import { StreamMap } from './stream-map.ts';

/**
 * The streams of an HTTP/2 connection: how they open, end, are reset, and give back credit.
 *
 * Receive credit of the connection is given back as soon as bytes are read, that of a stream only when they have been
 * passed on: so a stalled stream holds up to its own window in memory, but never the connection.
 */
export abstract class StreamTable extends Outgoing {
  protected readonly streams = new StreamMap();
  /** Those whose request goes on behind a whole answer. */
  protected readonly unwanted = new Set<Http2Stream>();
  protected readonly settings: Http2Settings;
  protected peerStreamWindow = defaultWindowBytes;
  /** 0 until the peer's SETTINGS have come. */
  protected peerMaxStreams = 0;
  protected lastPeerStreamId = 0;
  protected goAwaySent = false;
  protected goAwayReceived = false;
  protected closed = false;
  /** Closes once what is written has left. */
  protected finishing = false;
  /** Our first GOAWAY has yet to reach the peer; the one that names the last stream comes after. */
  protected finalGoAwayDue = false;

  constructor(transport: Transport, turn: Turn, settings: Http2Settings) {
    super(transport, turn);
    this.settings = settings;
  }

  protected abstract onStreamClosed(stream: Http2Stream): void;
  protected abstract isPeerStream(id: number): boolean;

  get activeStreams(): number {
    return this.streams.size;
  }

  /** @internal */
  resetStream(stream: Http2Stream, code: ErrorCode): void {
    stream.reset_ = true;
    if (!stream.remoteEnded) this.abuse.abandoned(stream.receiveWindow);
    writeRstStream(this.out, stream.id, code);
    this.turn.schedule(this);
    this.forget(stream);
  }

  /**
   * Reads on and drops what comes, with its credit given back, until the peer ends the request or its time is up. A reset
   * would do (RFC 9113 section 8.1), but there are clients that lose the answer that stands before it, or take the
   * whole for failed (curl until 8).
   * @internal
   */
  dropRequest(stream: Http2Stream): void {
    this.unwanted.add(stream);
  }

  /** @internal */
  creditStream(stream: Http2Stream, bytes: number): void {
    stream.uncredited += bytes;
    if (stream.uncredited < this.settings.streamWindowBytes / 2) return;
    writeWindowUpdate(this.out, stream.id, stream.uncredited);
    stream.receiveWindow += stream.uncredited;
    stream.uncredited = 0;
    this.turn.schedule(this);
  }

  protected openStream(id: number): Http2Stream {
    const stream = new Http2Stream(this, id, this.peerStreamWindow, this.settings.streamWindowBytes);
    this.streams.add(stream);
    return stream;
  }

  protected endRemote(stream: Http2Stream): void {
    stream.remoteEnded = true;
    if (stream.expectedBytes > 0) throw new MalformedMessage('body shorter than its content-length');
    if (stream.localEnded) {
      this.abuse.completed();
      this.forget(stream);
    }
  }

  /** Resets a stream whose message is malformed. */
  protected refuse(id: number, code: ErrorCode, reason: string): void {
    this.abuse.refused();
    const stream = this.streams.get(id);
    writeRstStream(this.out, id, code);
    this.turn.schedule(this);
    if (stream === undefined) return;
    stream.reset_ = true;
    if (!stream.remoteEnded) this.abuse.abandoned(stream.receiveWindow);
    this.forget(stream);
    stream.handler?.onReset(code, reason);
  }

  protected override forget(stream: Http2Stream): void {
    if (!this.streams.delete(stream.id)) return;
    if (stream.queue !== undefined) {
      this.queued.delete(stream);
      stream.queue = undefined;
    }
    if (stream.unwanted) this.unwanted.delete(stream);
    this.onStreamClosed(stream);
    this.closeIfDone();
  }

  protected closeIfDone(): void {
    if (this.streams.size > 0 || this.closed || this.finishing) return;
    if (!this.goAwayReceived && (!this.goAwaySent || this.finalGoAwayDue)) return;
    this.finishing = true;
    this.turn.schedule(this);
  }
}
