import type { Field } from '../field.ts';
import { OutputBuffer } from '../output-buffer.ts';
import type { PeerBudget } from '../peer-budget.ts';
import { SendQueue } from '../send-queue.ts';
import type { RequestHead, ResponseHead } from '../stream.ts';
import type { Flushable, Transport, Turn } from '../transport.ts';
import type { AbuseBudget } from './abuse-budget.ts';
import { defaultWindowBytes, Flag, FrameType, frameHeaderBytes, maxFrameBytes, writeFrame } from './frame.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import type { Http2Stream } from './http2-stream.ts';
import { encodeFields, encodeRequest, encodeResponse, PseudoFields } from './message.ts';

const nothing = new Uint8Array(0);

/**
 * The sending half of an HTTP/2 connection: header blocks, DATA within the peer's windows, and the queues of streams
 * whose window is shut or whose socket is full.
 */
export class Output {
  /** Frames of this turn. */
  readonly buffer = new OutputBuffer();
  readonly encoder = new HpackEncoder();
  /** Streams with something in their queue. */
  readonly queued = new Set<Http2Stream>();
  /** Streams whose peer had too much waiting for it: what they had is dropped, and they are to be reset. */
  readonly overflown: Http2Stream[] = [];
  /** What the peer's windows and SETTINGS leave us. */
  windowBytes = defaultWindowBytes;
  maxFrame = maxFrameBytes;
  private readonly transport: Transport;
  private readonly turn: Turn;
  private readonly owner: Flushable;
  private readonly abuse: AbuseBudget;
  private readonly budget: PeerBudget | undefined;
  private readonly pseudo = new PseudoFields();
  private unsentStreams: Http2Stream[] = [];

  /** `owner` is flushed at the end of a turn in which something was written. */
  constructor(
    transport: Transport,
    turn: Turn,
    owner: Flushable,
    abuse: AbuseBudget,
    budget: PeerBudget | undefined = undefined,
  ) {
    this.transport = transport;
    this.turn = turn;
    this.owner = owner;
    this.abuse = abuse;
    this.budget = budget;
  }

  /** Frames were written to the buffer. */
  schedule(): void {
    this.turn.schedule(this.owner);
  }

  writeRequest(stream: Http2Stream, head: RequestHead, end: boolean, extra: readonly Field[] | undefined): void {
    const start = this.beginHeaders();
    encodeRequest(this.buffer, this.encoder, this.pseudo, head, extra);
    this.endHeaders(start, stream, end);
  }

  writeResponse(stream: Http2Stream, head: ResponseHead, end: boolean): void {
    const start = this.beginHeaders();
    encodeResponse(this.buffer, this.encoder, this.pseudo, head);
    this.endHeaders(start, stream, end);
  }

  writeTrailers(stream: Http2Stream, fields: readonly Field[]): void {
    const start = this.beginHeaders();
    this.encoder.begin(this.buffer);
    encodeFields(this.buffer, this.encoder, fields);
    this.endHeaders(start, stream, true);
  }

  sendData(stream: Http2Stream, chunk: Uint8Array, end: boolean): void {
    let at = 0;
    if (stream.queue === undefined) {
      at = this.writeData(stream, chunk, 0, end);
      if (at === chunk.length && (chunk.length > 0 || stream.localEnded || !end)) return;
      stream.queue = new SendQueue();
      this.queued.add(stream);
    }
    if (at < chunk.length) {
      if (!this.mayHold(stream, chunk.length - at)) return;
      stream.queue.push(chunk, at);
    }
    if (end) stream.queueEnd = true;
  }

  /** Drops what waits of a stream. */
  discard(stream: Http2Stream): void {
    if (stream.queue === undefined) return;
    this.queued.delete(stream);
    stream.queue = undefined;
    this.budget?.release(stream.heldBytes);
    stream.heldBytes = 0;
  }

  private mayHold(stream: Http2Stream, bytes: number): boolean {
    if (this.budget === undefined) return true;
    if (this.budget.hold(bytes)) {
      stream.heldBytes += bytes;
      return true;
    }
    // Whoever sends it is in the middle of something: it is told at the end of the turn.
    this.discard(stream);
    stream.queueEnd = true;
    this.overflown.push(stream);
    this.turn.schedule(this.owner);
    return false;
  }

  /** Writes as much of `chunk` from `at` as windows and socket allow. Returns how far it came. */
  private writeData(stream: Http2Stream, chunk: Uint8Array, from: number, end: boolean): number {
    let at = from;
    if (this.transport.blocked) return at;
    do {
      const room = Math.min(chunk.length - at, this.maxFrame, stream.sendWindow, this.windowBytes);
      if (room <= 0 && at < chunk.length) return at;
      const last = end && at + room === chunk.length;
      if (room === 0 && !last) return at;
      const payload = writeFrame(this.buffer, FrameType.data, last ? Flag.endStream : 0, stream.id, room);
      if (room > 0) this.buffer.bytes.set(room === chunk.length ? chunk : chunk.subarray(at, at + room), payload);
      at += room;
      stream.sendWindow -= room;
      this.windowBytes -= room;
      if (room > 0) {
        if (stream.unsent === 0) this.unsentStreams.push(stream);
        stream.unsent += room;
      }
      this.abuse.sent();
      this.turn.schedule(this.owner);
      if (last) stream.endLocal();
    } while (at < chunk.length);
    return at;
  }

  /** Goes on with what waits, a frame's worth of each stream in turn. */
  pump(): void {
    let progress = true;
    while (progress && this.queued.size > 0 && !this.transport.blocked) {
      progress = false;
      for (const stream of this.queued) {
        const queue = stream.queue as SendQueue;
        if (!queue.empty) {
          const chunk = queue.peek();
          const last = stream.queueEnd && stream.queueTrailers === undefined && queue.atLast;
          const at = this.writeData(stream, chunk, 0, last);
          if (at === 0) continue;
          progress = true;
          stream.stalledFromMs = -1;
          queue.drop(at);
          if (this.budget !== undefined) {
            this.budget.release(at);
            stream.heldBytes -= at;
          }
          if (!queue.empty) continue;
        }
        this.queued.delete(stream);
        stream.queue = undefined;
        if (stream.localEnded) continue;
        if (stream.queueTrailers !== undefined) this.writeTrailers(stream, stream.queueTrailers);
        else if (stream.queueEnd) this.writeData(stream, nothing, 0, true);
      }
    }
  }

  private beginHeaders(): number {
    const start = this.buffer.length;
    this.buffer.reserve(frameHeaderBytes);
    this.buffer.length = start + frameHeaderBytes;
    return start;
  }

  /** Puts the frame headers to the block that was encoded from `start` on; a large one is cut into CONTINUATIONs. */
  private endHeaders(start: number, stream: Http2Stream, end: boolean): void {
    const blockBytes = this.buffer.length - start - frameHeaderBytes;
    const flags = end ? Flag.endStream : 0;
    const { id } = stream;
    if (blockBytes <= this.maxFrame) {
      this.buffer.length = start;
      writeFrame(this.buffer, FrameType.headers, flags | Flag.endHeaders, id, blockBytes);
    } else {
      const block = this.buffer.bytes.slice(start + frameHeaderBytes, this.buffer.length);
      this.buffer.length = start;
      for (let at = 0; at < blockBytes; at += this.maxFrame) {
        const part = block.subarray(at, at + this.maxFrame);
        const last = at + part.length === blockBytes ? Flag.endHeaders : 0;
        const type = at === 0 ? FrameType.headers : FrameType.continuation;
        this.buffer.bytes.set(part, writeFrame(this.buffer, type, (at === 0 ? flags : 0) | last, id, part.length));
      }
    }
    this.turn.schedule(this.owner);
    if (end) stream.endLocal();
  }

  /** Tells the streams what of theirs has left. */
  reportSent(): void {
    if (this.unsentStreams.length === 0) return;
    const streams = this.unsentStreams;
    this.unsentStreams = [];
    for (let i = 0; i < streams.length; i++) {
      const stream = streams[i];
      const bytes = stream.unsent;
      stream.unsent = 0;
      if (!stream.reset_) stream.handler?.onSent(bytes);
    }
  }
}
