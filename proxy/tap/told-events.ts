import { create, toBinary } from '@bufbuild/protobuf';
import { TapEventSchema } from '../../api/gen/tap_pb.js';
import { join } from '../wire/join.ts';
import type { TapReport } from './observer.ts';

export interface ToldEventsOptions {
  /** Requests to tell of. */
  readonly limit: number;
  /** Bytes that may wait for the peer to read them. */
  readonly maxWaitingBytes: number;
  readonly send: (event: Uint8Array) => void;
  /** No further requests are to be told of. */
  readonly onEnough: () => void;
  /** All is told. */
  readonly onOver: () => void;
  readonly onMissed: () => void;
}

/**
 * What one tap tells its peer, of all processes of the proxy: so many requests, each of them whole, and never more than
 * the peer reads. Traffic does not wait for it: events that find no place are missed, and told as a number.
 */
export class ToldEvents {
  private readonly options: ToldEventsOptions;
  private started = 0;
  private waitingBytes = 0;
  private missed = 0;
  private over = false;
  /** Requests under way, of each process. */
  private readonly open = new Map<number, Set<number>>();

  constructor(options: ToldEventsOptions) {
    this.options = options;
  }

  /** Takes what process `source` tells; false when it is to tell no more of that request. */
  take(source: number, { stream, part, event }: TapReport): boolean {
    if (this.over) return false;
    const { limit } = this.options;
    const streams = this.open.get(source);
    if (part === 'first') {
      if (this.started >= limit) return false;
      if (!this.send(event)) return false;
      if (streams === undefined) this.open.set(source, new Set([stream]));
      else streams.add(stream);
      if (++this.started === limit) this.options.onEnough();
      return true;
    }
    if (streams === undefined || !streams.has(stream)) return false;
    this.send(event);
    if (part === 'last') {
      streams.delete(stream);
      this.endIfTold();
    }
    return true;
  }

  /** Process `source` could not tell so many events. */
  addMissed(events: number): void {
    for (let i = 0; i < events; i++) this.miss();
  }

  /** Process `source` is gone, and what it would have told. */
  leave(source: number): void {
    this.open.delete(source);
    this.endIfTold();
  }

  /** The peer has read so much. */
  onRead(bytes: number): void {
    this.waitingBytes -= bytes;
  }

  close(): void {
    this.over = true;
    this.open.clear();
  }

  private send(event: Uint8Array): boolean {
    const whole =
      this.missed === 0
        ? event
        : // Messages one behind the other are one, of the fields of both.
          join(event, toBinary(TapEventSchema, create(TapEventSchema, { missedEvents: BigInt(this.missed) })));
    if (this.waitingBytes + whole.length > this.options.maxWaitingBytes) {
      this.miss();
      return false;
    }
    this.waitingBytes += whole.length + framingBytes;
    this.options.send(whole);
    return true;
  }

  private miss(): void {
    this.missed++;
    this.options.onMissed();
  }

  private endIfTold(): void {
    if (this.over || this.started < this.options.limit) return;
    for (const streams of this.open.values()) if (streams.size > 0) return;
    this.over = true;
    this.options.onOver();
  }
}

/** Of gRPC, before each message. */
const framingBytes = 5;
