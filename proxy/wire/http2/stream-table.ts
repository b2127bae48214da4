import type { Field } from '../field.ts';
import { ErrorCode } from '../stream.ts';
import type { AbuseBudget } from './abuse-budget.ts';
import { defaultWindowBytes, writeRstStream, writeWindowUpdate } from './frame.ts';
import { Http2Stream } from './http2-stream.ts';
import { MalformedMessage, trailersOf } from './message.ts';
import type { Output } from './output.ts';
import { StreamMap } from './stream-map.ts';

/** Who is told of what becomes of streams. */
export interface StreamOwner {
  /** One is over, and forgotten. */
  onStreamClosed(stream: Http2Stream): void;
  /** One was reset from this side by its stack. */
  onStreamReset(stream: Http2Stream): void;
}

/**
 * The streams of an HTTP/2 connection: how they open, end, are reset, and give back credit.
 *
 * Receive credit of the connection is given back as soon as bytes are read, that of a stream only when they have been
 * passed on: so a stalled stream holds up to its own window in memory, but never the connection.
 */
export class StreamTable {
  readonly open = new StreamMap();
  readonly output: Output;
  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE. */
  sendWindowBytes = defaultWindowBytes;
  private readonly owner: StreamOwner;
  private readonly abuse: AbuseBudget;
  private readonly receiveWindowBytes: number;
  /** Those whose request goes on behind a whole answer. */
  private readonly unwanted = new Set<Http2Stream>();

  constructor(owner: StreamOwner, output: Output, abuse: AbuseBudget, receiveWindowBytes: number) {
    this.owner = owner;
    this.output = output;
    this.abuse = abuse;
    this.receiveWindowBytes = receiveWindowBytes;
  }

  get(id: number): Http2Stream | undefined {
    return this.open.get(id);
  }

  add(id: number): Http2Stream {
    const stream = new Http2Stream(this, id, this.sendWindowBytes, this.receiveWindowBytes);
    this.open.add(stream);
    return stream;
  }

  /** What their stack asks for. */
  reset(stream: Http2Stream, code: ErrorCode): void {
    this.sendReset(stream, code);
    this.owner.onStreamReset(stream);
  }

  /** Resets a stream whose message is malformed, or which has waited for too long. */
  refuse(id: number, code: ErrorCode, reason: string): void {
    this.abuse.refused();
    const stream = this.open.get(id);
    if (stream === undefined) {
      writeRstStream(this.output.buffer, id, code);
      this.output.schedule();
      return;
    }
    this.sendReset(stream, code);
    this.owner.onStreamReset(stream);
    stream.handler?.onReset(code, reason);
  }

  /** A request is refused before it has become a stream; `end` when nothing more of it can come. */
  refuseNew(id: number, end: boolean, code: ErrorCode, reason: string): void {
    if (!end) this.abuse.abandoned(this.receiveWindowBytes);
    this.refuse(id, code, reason);
  }

  private sendReset(stream: Http2Stream, code: ErrorCode): void {
    stream.reset_ = true;
    if (!stream.remoteEnded) this.abuse.abandoned(stream.receiveWindow);
    writeRstStream(this.output.buffer, stream.id, code);
    this.output.schedule();
    this.forget(stream);
  }

  /** The peer has ended a stream, or the connection did, for a reason that its handler is told. */
  died(stream: Http2Stream, code: ErrorCode, reason: string): void {
    stream.reset_ = true;
    this.forget(stream);
    stream.handler?.onReset(code, reason);
  }

  /** Refused means not looked at, and may be sent again: what has an answer, or a part of it, or is not ours, is broken. */
  refusedByPeer(stream: Http2Stream, reason: string): void {
    if (stream.awaitsResponse && stream.informationals === 0) this.died(stream, ErrorCode.refusedStream, reason);
    else this.died(stream, ErrorCode.internalError, 'refused by the peer though it was under way');
  }

  /** Both halves of a stream have ended. */
  completed(stream: Http2Stream): void {
    this.abuse.completed();
    this.forget(stream);
  }

  endRemote(stream: Http2Stream): void {
    stream.remoteEnded = true;
    if (stream.expectedBytes > 0) throw new MalformedMessage('body shorter than its content-length');
    if (stream.localEnded) this.completed(stream);
  }

  /** Trailers have come for an open stream. */
  takeTrailers(stream: Http2Stream, fields: Field[], end: boolean): void {
    if (!end) throw new MalformedMessage('trailers without the end of the stream');
    const trailers = trailersOf(fields);
    this.endRemote(stream);
    stream.handler?.onTrailers(trailers);
  }

  /** Every stream dies with the connection; `inResponse` is the reason of those that have a head of an answer. */
  endAll(code: ErrorCode, reason: string, inResponse = reason): void {
    const streams = this.open.values();
    this.open.clear();
    this.unwanted.clear();
    for (const stream of streams) {
      this.output.discard(stream);
      // Its stack may have reset it because of another.
      if (stream.reset_) continue;
      stream.reset_ = true;
      stream.handler?.onReset(code, stream.awaitsResponse ? reason : inResponse);
    }
  }

  /**
   * Reads on and drops what comes, with its credit given back, until the peer ends the request or its time is up. A reset
   * would do (RFC 9113 section 8.1), but there are clients that lose the answer that stands before it, or take the
   * whole for failed (curl until 8).
   */
  dropRequest(stream: Http2Stream): void {
    this.unwanted.add(stream);
  }

  credit(stream: Http2Stream, bytes: number): void {
    stream.uncredited += bytes;
    if (stream.uncredited < this.receiveWindowBytes / 2) return;
    writeWindowUpdate(this.output.buffer, stream.id, stream.uncredited);
    stream.receiveWindow += stream.uncredited;
    stream.uncredited = 0;
    this.output.schedule();
  }

  /** Ends streams whose window the peer has kept shut, so that what waits for it is not held for ever. */
  resetStalled(nowMs: number, stallMs: number): void {
    for (const stream of this.output.queued) {
      if (stream.stalledFromMs < 0) stream.stalledFromMs = nowMs;
      else if (nowMs - stream.stalledFromMs >= stallMs)
        this.refuse(stream.id, ErrorCode.cancel, 'the peer kept its window shut');
    }
  }

  /** Ends a stream whose bytes could not be held, for as long as its peer reads. */
  endOverflown(stream: Http2Stream): void {
    if (!stream.closed)
      this.refuse(stream.id, ErrorCode.enhanceYourCalm, 'too much waits for a client that does not read');
  }

  /** Ends requests that have gone on behind their answers for long enough. */
  resetUnwanted(nowMs: number, closeMs: number): void {
    for (const stream of this.unwanted) {
      if (!stream.localEnded) continue;
      if (stream.unwantedFromMs < 0) stream.unwantedFromMs = nowMs;
      else if (nowMs - stream.unwantedFromMs >= closeMs) this.sendReset(stream, ErrorCode.noError);
    }
  }

  private forget(stream: Http2Stream): void {
    if (!this.open.delete(stream.id)) return;
    this.output.discard(stream);
    if (stream.unwanted) this.unwanted.delete(stream);
    this.owner.onStreamClosed(stream);
  }
}
