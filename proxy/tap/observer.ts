import { TapBodies, TapBody_Side, TapBody_State } from '../../api/gen/tulle_pb.js';
import type { Attempt } from '../exchange/attempt.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { ExchangeObserver } from '../exchange/observers.ts';
import type { Origin } from '../exchange/origin.ts';
import type { Decided } from '../exchange/plan.ts';
import type { ProxyFailure } from '../exchange/proxy-failure.ts';
import type { KeptBytes } from '../exchange/request-body.ts';
import type { Field } from '../wire/field.ts';
import type { RequestHead, ResponseHead } from '../wire/stream.ts';
import { Events } from './events.ts';
import type { Match, Seen, Stage } from './match.ts';
import { type BodyPart, passedBody, TappedBody } from './tapped-body.ts';

/** What a tap tells of one request, in this order: the first, some more, the last. */
export interface TapReport {
  /** Tells the requests of one process apart. */
  readonly stream: number;
  readonly part: 'first' | 'more' | 'last';
  /** A TapEvent, encoded. */
  readonly event: Uint8Array;
}

/** What may be told of the bodies of a process. */
export interface BodyPolicy {
  readonly allowed: boolean;
  /** What they hold together until they are told. */
  readonly room: KeptBytes;
  /** A body was told in part, for want of room. */
  readonly onNoRoom: () => void;
}

export interface TapObserverOptions {
  readonly match: Match;
  /** Whether header fields are told. */
  readonly headers: boolean;
  /** So many of the first bytes of each body are asked for; 0: none. */
  readonly bodyBytes: number;
  readonly bodies: BodyPolicy;
  /** Which part of the requests that match is told. */
  readonly ratio: number;
  readonly base: number;
  readonly nextStream: () => number;
  readonly nowMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Takes what is told. Returns false when it is not taken: the request is told no more of. */
  readonly report: (report: TapReport) => boolean;
}

interface Tapped {
  readonly stream: number;
  readonly events: Events;
  /** When the response's head came; -1 before. */
  responseMs: number;
  /** Undefined where bodies are not told, and before there is one. */
  request: TappedBody | undefined;
  response: TappedBody | undefined;
}

/** Requests under way that one tap tells of. */
const maxTapped = 10_000;

/**
 * One tap on the requests of this process. A request is told of once it is known where it goes, so that it can be found by
 * that: when a connection has taken its first try, or when it is over without one; and where the match asks for what the
 * response says, when that has come.
 */
export class TapObserver implements ExchangeObserver {
  private readonly options: TapObserverOptions;
  private readonly tapped = new Map<Exchange, Tapped>();
  /** Those of them that began before it was known that there are enough go on. */
  private enough = false;
  /** What of each body is told; 0: nothing. */
  private readonly bodyBytes: number;
  /** Undefined where none were asked for. */
  private readonly toldBodies: TapBodies | undefined;

  constructor(options: TapObserverOptions) {
    this.options = options;
    const { bodyBytes, bodies } = options;
    this.bodyBytes = bodies.allowed ? bodyBytes : 0;
    if (bodyBytes > 0) this.toldBodies = bodies.allowed ? TapBodies.TOLD : TapBodies.NOT_ALLOWED;
  }

  /** Tells of no further requests. */
  stopTaking(): void {
    this.enough = true;
  }

  /** Tells nothing more. */
  close(): void {
    this.enough = true;
    for (const [exchange, tapped] of this.tapped) this.leave(exchange, tapped);
  }

  onSent({ exchange, endpoint }: Attempt): void {
    if (this.options.match.stage !== 'request' || exchange.finished || this.tapped.has(exchange)) return;
    this.begin(exchange, seenOf(exchange, endpoint?.info));
  }

  onResponse(exchange: Exchange, head: ResponseHead): void {
    const nowMs = this.options.nowMs();
    const tapped = this.tapped.get(exchange) ?? this.beginLate('response', exchange);
    if (tapped === undefined) return;
    tapped.responseMs = nowMs;
    const init = tapped.events.responseInit(head.status, head.fields, nowMs - exchange.startMs);
    if (!this.tell(exchange, tapped, 'more', init)) return;
    if (this.bodyBytes === 0 || isTunnel(exchange)) return;
    tapped.response = this.bodyOf(exchange, tapped, TapBody_Side.RESPONSE, head.fields);
    exchange.teeResponse(tapped.response);
  }

  onFinish(exchange: Exchange): void {
    const nowMs = this.options.nowMs();
    let tapped = this.tapped.get(exchange);
    const { attempt, firstByteMs } = exchange;
    if (tapped === undefined) {
      // What was sent has been looked at then, where that was enough to tell.
      const { stage } = this.options.match;
      if (stage === 'request' && attempt !== undefined && attempt.sentMs >= 0) return;
      if (stage === 'response' && attempt !== undefined && attempt.status !== 0 && exchange.failure === undefined)
        return;
      tapped = this.beginLate('end', exchange);
      if (tapped === undefined) return;
      if (attempt !== undefined && attempt.status !== 0) {
        tapped.responseMs = firstByteMs < 0 ? nowMs : firstByteMs;
        const sinceMs = tapped.responseMs - exchange.startMs;
        if (!this.tell(exchange, tapped, 'more', tapped.events.responseInit(attempt.status, attempt.fields, sinceMs)))
          return;
        const { responseBytes } = exchange;
        if (this.bodyBytes > 0 && responseBytes > 0 && !isTunnel(exchange))
          this.tellBody(exchange, tapped, passedBody(TapBody_Side.RESPONSE, attempt.fields ?? [], responseBytes));
      }
    }
    // What the proxy answers by itself has no head of anybody else's.
    const isOwnAnswer = tapped.responseMs < 0 && exchange.status !== 0;
    if (isOwnAnswer) {
      tapped.responseMs = nowMs;
      const own = tapped.events.responseInit(exchange.status, undefined, nowMs - exchange.startMs);
      if (!this.tell(exchange, tapped, 'more', own)) return;
    }
    tapped.request?.end(TapBody_State.BROKEN);
    tapped.response?.end(exchange.error === undefined ? TapBody_State.COMPLETE : TapBody_State.BROKEN);
    const { failure, detail } = exchange;
    const end = tapped.events.responseEnd({
      sinceRequestMs: nowMs - exchange.startMs,
      sinceResponseMs: tapped.responseMs < 0 ? undefined : nowMs - tapped.responseMs,
      bytes: exchange.responseBytes,
      grpcStatus: exchange.grpcStatus,
      isReset: exchange.error !== undefined && !isOwnAnswer,
      trailers: attempt?.trailers,
      tries: exchange.attempts,
      failure: failure && {
        code: failure.code,
        message: detail === undefined ? failure.message : `${failure.message}: ${detail}`,
      },
    });
    this.tell(exchange, tapped, 'last', end);
    this.leave(exchange, tapped);
  }

  onRefused(origin: Origin, head: RequestHead, failure: ProxyFailure, decided: Decided | undefined): void {
    const { code, status, grpcStatus, message } = failure;
    const grpc = head.fields.some(({ name, value }) => name === 'content-type' && value.startsWith('application/grpc'));
    const seen: Seen = {
      origin,
      head,
      endpoint: undefined,
      decided,
      status: grpc ? 200 : status,
      grpcStatus: grpc ? grpcStatus : -1,
    };
    const { match, ratio, random, report, nextStream, base, headers } = this.options;
    if (this.enough || !match.matches(seen) || (ratio < 1 && random() >= ratio)) return;
    const stream = nextStream();
    const events = new Events({ base, stream }, headers, seen);
    if (!report({ stream, part: 'first', event: events.requestInit(this.toldBodies) })) return;
    report({ stream, part: 'more', event: events.responseInit(seen.status, undefined, 0) });
    const event = events.responseEnd({
      sinceRequestMs: 0,
      sinceResponseMs: 0,
      bytes: 0,
      grpcStatus: seen.grpcStatus,
      isReset: false,
      trailers: undefined,
      tries: 0,
      failure: { code, message },
    });
    report({ stream, part: 'last', event });
  }

  /** Looks at a request when the match can be decided at `stage`, or earlier when it has not been sent before. */
  private beginLate(stage: Stage, exchange: Exchange): Tapped | undefined {
    if (stage === 'response' && this.options.match.stage !== 'response') return undefined;
    return this.begin(exchange, seenOf(exchange, exchange.attempt?.endpoint?.info));
  }

  private begin(exchange: Exchange, seen: Seen): Tapped | undefined {
    const { match, ratio, random, report, nextStream, base, headers } = this.options;
    if (this.enough || !match.matches(seen)) return undefined;
    if (this.tapped.size >= maxTapped || (ratio < 1 && random() >= ratio)) return undefined;
    const stream = nextStream();
    const events = new Events({ base, stream }, headers, seen);
    if (!report({ stream, part: 'first', event: events.requestInit(this.toldBodies) })) return undefined;
    const tapped: Tapped = { stream, events, responseMs: -1, request: undefined, response: undefined };
    this.tapped.set(exchange, tapped);
    if (this.bodyBytes > 0) this.followRequest(exchange, tapped);
    return tapped;
  }

  /** What has come of its body is there as long as nothing was answered, if it is not much. */
  private followRequest(exchange: Exchange, tapped: Tapped): void {
    const { body, head, requestBytes } = exchange;
    if (body === undefined || isTunnel(exchange)) return;
    if (body.replayable) {
      tapped.request = this.bodyOf(exchange, tapped, TapBody_Side.REQUEST, head.fields);
      body.tee(tapped.request);
    } else if (requestBytes > 0) {
      this.tellBody(exchange, tapped, passedBody(TapBody_Side.REQUEST, head.fields, requestBytes));
    }
  }

  private bodyOf(exchange: Exchange, tapped: Tapped, side: TapBody_Side, fields: readonly Field[]): TappedBody {
    const { room, onNoRoom } = this.options.bodies;
    return new TappedBody(side, fields, this.bodyBytes, room, (part) => {
      if (part.state === TapBody_State.NO_ROOM) onNoRoom();
      this.tellBody(exchange, tapped, part);
    });
  }

  private tellBody(exchange: Exchange, tapped: Tapped, part: BodyPart): void {
    this.tell(exchange, tapped, 'more', tapped.events.body(part));
  }

  private tell(exchange: Exchange, tapped: Tapped, part: 'more' | 'last', event: Uint8Array): boolean {
    if (this.options.report({ stream: tapped.stream, part, event })) return true;
    this.leave(exchange, tapped);
    return false;
  }

  /** Tells no more of it. */
  private leave(exchange: Exchange, { request, response }: Tapped): void {
    this.tapped.delete(exchange);
    request?.close();
    response?.close();
  }
}

/** What is spoken in a tunnel is no body. */
const isTunnel = ({ head }: Exchange): boolean => head.upgrade !== undefined || head.method === 'CONNECT';

function seenOf(exchange: Exchange, endpoint: Seen['endpoint']): Seen {
  const { origin, head, plan, status, grpcStatus } = exchange;
  return { origin, head, endpoint, decided: plan?.decided, status, grpcStatus };
}
