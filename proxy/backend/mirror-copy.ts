import type { Exchange } from '../exchange/exchange.ts';
import type { ExchangeSide } from '../exchange/exchange-side.ts';
import type { RoutePlan } from '../exchange/plan.ts';
import type { BodyListener } from '../exchange/request-body.ts';
import { Deadline } from '../timer-wheel.ts';
import type { Field } from '../wire/field.ts';
import { ErrorCode, type ServerStream } from '../wire/stream.ts';

/** How a copy ended: `cut` when its request was given up before all of it had come. */
export type CopyEnd = 'answered' | 'failed' | 'too large' | 'too slow' | 'cut';

/** What the copies of one mirror share. */
export interface MirrorShare {
  readonly mostBytes: number;
  usedBytes: number;
}

/** Bytes of a body that a copy has been given and has not passed on: one that falls further behind is given up. */
const mostBehind = 256 * 1024;
/** How long an answer is waited for once all of the request was given, in ms. */
const answerWithinMs = 30_000;

/** The client of a copied request: it sends what comes of the body of the first, and drops what it is answered. */
export class MirrorCopy extends Deadline implements ServerStream, BodyListener {
  private readonly side: ExchangeSide;
  private readonly share: MirrorShare;
  private exchange: Exchange | undefined = undefined;
  private behind = 0;
  private givenUp: CopyEnd | undefined = undefined;

  constructor(side: ExchangeSide, share: MirrorShare) {
    super();
    this.side = side;
    this.share = share;
  }

  start(exchange: Exchange, plan: RoutePlan): void {
    this.exchange = exchange;
    if (exchange.isHeadOnly) this.side.deadlines.arm(this, answerWithinMs);
    exchange.begin(plan);
  }

  /** It is over: gives back what it holds, and says how it ended. */
  finish(error: string | undefined): CopyEnd {
    this.side.deadlines.disarm(this);
    this.share.usedBytes -= this.behind;
    this.behind = 0;
    this.exchange = undefined;
    return this.givenUp ?? (error === undefined ? 'answered' : 'failed');
  }

  override onDeadline(): void {
    this.giveUp('too slow');
  }

  // The body of the request that is copied.

  onBody(chunk: Uint8Array, end: boolean): void {
    const { exchange, share } = this;
    if (exchange === undefined) return;
    const { length } = chunk;
    if (this.behind + length > mostBehind || share.usedBytes + length > share.mostBytes) {
      this.giveUp('too large');
      return;
    }
    this.behind += length;
    share.usedBytes += length;
    if (end) this.side.deadlines.arm(this, answerWithinMs);
    exchange.onData(chunk, end);
  }

  onBodyTrailers(fields: readonly Field[]): void {
    if (this.exchange === undefined) return;
    this.side.deadlines.arm(this, answerWithinMs);
    this.exchange.onTrailers(fields);
  }

  onBodyCut(): void {
    this.giveUp('cut');
  }

  /** So much of it has left for the other backend. */
  credit(bytes: number): void {
    this.behind -= bytes;
    this.share.usedBytes -= bytes;
  }

  // The response, which goes nowhere.

  sendInformational(): void {}
  sendResponse(): void {}

  sendData(chunk: Uint8Array): void {
    this.exchange?.onSent(chunk.length);
  }

  sendTrailers(): void {}
  reset(): void {}

  private giveUp(end: CopyEnd): void {
    if (this.exchange === undefined) return;
    this.givenUp = end;
    this.exchange.onReset(ErrorCode.cancel, `a copy of a request was given up: ${end}`);
  }
}
