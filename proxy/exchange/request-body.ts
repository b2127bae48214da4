import type { Field } from '../wire/field.ts';
import type { Stream } from '../wire/stream.ts';

/** Bytes of one request that are kept, while they go on, so that they can be sent again. */
export const maxKeptBytes = 64 * 1024;
/** Chunks that are kept each by itself; further ones are gathered, for a client that sends single bytes. */
const maxSingleChunks = 16;
const gatheredBytes = 4 * 1024;

/** Who is told of a body beside whom it is for. */
export interface BodyListener {
  /** Chunks are valid during the call only. */
  onBody(chunk: Uint8Array, end: boolean): void;
  onBodyTrailers(fields: readonly Field[]): void;
  /** What is left of it will not come. */
  onBodyCut(): void;
}

/** What the bodies of a side keep together: beyond the limit nothing more is kept, and what is not kept is not sent again. */
export class KeptBytes {
  readonly limitBytes: number;
  used = 0;

  constructor(limitBytes = 16 * 1024 * 1024) {
    this.limitBytes = limitBytes;
  }
}

/**
 * A request's body on its way up. What comes before there is an upstream is kept until there is one, bounded by the
 * receive credit that the client has. After that a copy is kept as long as it is small and nothing was answered, so
 * that a request of which the server did nothing can be sent again.
 */
export class RequestBody {
  private readonly kept: KeptBytes;
  private chunks: Uint8Array[] = [];
  /** Bytes in use of the last chunk, where it is one that gathers. */
  private tail = 0;
  private bytes = 0;
  private trailers: readonly Field[] | undefined = undefined;
  private ended = false;
  /** Undefined, the usual case, without any. */
  private listeners: BodyListener[] | undefined = undefined;
  /** All that came so far is here: it can be sent, or sent again. */
  replayable = true;

  constructor(kept: KeptBytes) {
    this.kept = kept;
  }

  /** The client has sent all of it. */
  get complete(): boolean {
    return this.ended;
  }

  /** Bytes that are kept. */
  get keptBytes(): number {
    return this.bytes;
  }

  /** Takes what comes. `to` is the upstream that it goes on to; without one it is kept. */
  onData(chunk: Uint8Array, end: boolean, to: Stream | undefined): void {
    this.ended = end;
    if (this.replayable && chunk.length > 0) {
      if (to === undefined || this.hasRoom(chunk.length)) this.keep(chunk);
      else this.release();
    }
    if (this.listeners !== undefined) for (const each of this.listeners) each.onBody(chunk, end);
    to?.sendData(chunk, end);
  }

  onTrailers(fields: readonly Field[], to: Stream | undefined): void {
    this.ended = true;
    if (this.replayable) this.trailers = fields;
    if (this.listeners !== undefined) for (const each of this.listeners) each.onBodyTrailers(fields);
    to?.sendTrailers(fields);
  }

  /** Sends what has come so far. What comes after it goes the same way, by `onData`. */
  flow(to: Stream): void {
    const { chunks, trailers } = this;
    const last = chunks.length - 1;
    const endsWithData = this.ended && trailers === undefined;
    for (let i = 0; i <= last; i++) {
      const chunk = i === last && this.tail > 0 ? chunks[i].subarray(0, this.tail) : chunks[i];
      to.sendData(chunk, endsWithData && i === last);
    }
    if (trailers !== undefined) to.sendTrailers(trailers);
    else if (endsWithData && last < 0) to.sendData(nothing, true);
    if (this.replayable && !this.hasRoom(0)) this.release();
  }

  /** Tells `listener` of what has come, all of which is here as long as nothing was sent, and then of what comes. */
  tee(listener: BodyListener): void {
    const { chunks, trailers, tail } = this;
    const last = chunks.length - 1;
    const endsWithData = this.ended && trailers === undefined;
    for (let i = 0; i <= last; i++) {
      listener.onBody(i === last && tail > 0 ? chunks[i].subarray(0, tail) : chunks[i], endsWithData && i === last);
    }
    if (trailers !== undefined) listener.onBodyTrailers(trailers);
    else if (endsWithData && last < 0) listener.onBody(nothing, true);
    if (!this.ended) {
      this.listeners ??= [];
      this.listeners.push(listener);
    }
  }

  /** What it is of is over: nothing of it goes anywhere any more. */
  over(): void {
    this.release();
    if (this.listeners === undefined) return;
    const { listeners } = this;
    this.listeners = undefined;
    if (!this.ended) for (const each of listeners) each.onBodyCut();
  }

  /** Keeps nothing any more: what was sent will not be sent again. */
  release(): void {
    if (!this.replayable) return;
    this.replayable = false;
    this.kept.used -= this.bytes;
    this.bytes = 0;
    this.tail = 0;
    this.chunks = [];
    this.trailers = undefined;
  }

  private hasRoom(more: number): boolean {
    return this.bytes + more <= maxKeptBytes && this.kept.used + more <= this.kept.limitBytes;
  }

  private keep(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    this.kept.used += chunk.length;
    const { chunks } = this;
    if (chunks.length < maxSingleChunks) {
      chunks.push(chunk.slice());
      return;
    }
    const last = chunks[chunks.length - 1];
    if (this.tail > 0 && this.tail + chunk.length <= last.length) {
      last.set(chunk, this.tail);
      this.tail += chunk.length;
      return;
    }
    if (this.tail > 0) chunks[chunks.length - 1] = last.subarray(0, this.tail);
    const block = new Uint8Array(Math.max(gatheredBytes, chunk.length));
    block.set(chunk);
    chunks.push(block);
    this.tail = chunk.length;
  }
}

const nothing = new Uint8Array(0);
