import type { Attempt } from '../exchange/attempt.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { AttemptTrace, ExchangeTrace } from '../exchange/observers.ts';
import type { Origin } from '../exchange/origin.ts';
import type { ProxyFailure } from '../exchange/proxy-failure.ts';
import type { Exemplars } from '../telemetry/exemplars.ts';
import type { Buckets } from '../telemetry/histogram.ts';
import { contextFields, type SentContext, type SpanContext } from '../telemetry/trace/context.ts';
import type { IdSource, SpanId, TraceId } from '../telemetry/trace/ids.ts';
import { bounded, type Span } from '../telemetry/trace/span.ts';
import type { Field } from '../wire/field.ts';
import type { HttpVersion, RequestHead } from '../wire/stream.ts';
import {
  decidedAttributes,
  endpointAttributes,
  errorOf,
  type Outcome,
  originAttributes,
  outcomeAttributes,
  ownAttributes,
} from './attributes.ts';
import { type Asked, asked } from './request-attributes.ts';
import type { WallTime } from './wall-time.ts';

/** What the spans of one trace have in common, as far as one hop knows it. */
export interface TraceOfHop {
  readonly traceId: TraceId;
  /** That of the caller's span, which has no id where the trace begins here. */
  readonly context: SpanContext;
  /** How the next hop is told. */
  readonly ways: number;
  readonly state: string;
}

/** Where spans go, and what they are made with. */
export interface SpanSink {
  readonly time: WallTime;
  readonly ids: IdSource;
  readonly record: (span: Span) => void;
  /** What histograms tell of traces. */
  readonly exemplars: Exemplars;
}

/** Of a message about a failure. */
const longestMessage = 200;

/**
 * The spans of one exchange that is recorded. What comes in is one span of the server's kind. What goes out is one of the
 * client's for each try, each with the id that its request says; when there were several, or none, they stand below one
 * of the whole. Which it is to be is known at the end: nobody is told the id of the whole before there are two tries.
 *
 *     in:   caller's span --> server span --> (the application's)
 *     out:  caller's span --> client span --> (the next hop's)
 *     out:  caller's span --> span of the whole --> client span of the first try
 *                                               --> client span of the second --> (the next hop's)
 */
export class ExchangeSpans implements ExchangeTrace {
  private readonly sink: SpanSink;
  private readonly hop: TraceOfHop;
  /** Of what comes in: what all of its tries say. */
  private readonly inbound: SentSpan | undefined;
  private first: TrySpan | undefined = undefined;
  /** Those behind the first; undefined, the usual case, without any. */
  private others: TrySpan[] | undefined = undefined;

  constructor(sink: SpanSink, hop: TraceOfHop, direction: Origin['direction']) {
    this.sink = sink;
    this.hop = hop;
    this.inbound = direction === 'inbound' ? new SentSpan(sink.ids.spanId(), hop) : undefined;
  }

  begin(attempt: Attempt): AttemptTrace {
    if (this.inbound !== undefined) return this.inbound;
    const beganMs = attempt.exchange.side.clock.nowMs();
    const span = new TrySpan(attempt, beganMs, this.sink.ids.spanId(), this.hop);
    if (this.first === undefined) this.first = span;
    else {
      this.others ??= [];
      this.others.push(span);
    }
    return span;
  }

  exemplify(buckets: Buckets, bucket: number, value: number, nowMs: number): void {
    const { time, exemplars } = this.sink;
    exemplars.put(buckets, bucket, value, this.hop.traceId, time.at(nowMs));
  }

  /** The exchange is over: its spans are recorded. */
  finish(exchange: Exchange): void {
    const { head, grpc, applicationVersion, attempt, error, side } = exchange;
    const { first, others, inbound } = this;
    const { ids, time } = this.sink;
    // One that its response ended was over when its try was: the clock need not be asked again.
    const isAnswered = error === undefined && attempt !== undefined && attempt.overMs >= 0;
    const endMs = isAnswered ? attempt.overMs : side.clock.nowMs();
    time.look(endMs);
    const request = asked(head, grpc, applicationVersion);
    if (first !== undefined && others === undefined) {
      this.recordWhole(exchange, request, 'client', first.spanId, endMs, first.attempt);
      return;
    }
    const kind = inbound !== undefined ? 'server' : first === undefined ? 'client' : 'internal';
    const spanId = inbound?.spanId ?? ids.spanId();
    this.recordWhole(exchange, request, kind, spanId, endMs, undefined);
    if (first === undefined || others === undefined) return;
    this.recordTry(exchange, request, first, 0, spanId, endMs);
    for (let i = 0; i < others.length; i++) this.recordTry(exchange, request, others[i], i + 1, spanId, endMs);
  }

  private recordTry(
    { startMs }: Exchange,
    { name, attributes }: Asked,
    { attempt, spanId, beganMs }: TrySpan,
    index: number,
    parentId: SpanId,
    endMs: number,
  ): void {
    const { endpoint, overMs } = attempt;
    const { time } = this.sink;
    const error = errorOf(attempt, 'client');
    const own = [attributes];
    if (endpoint !== undefined) own.push(endpointAttributes.of(endpoint.info));
    if (index > 0) own.push(ownAttributes(['http.request.resend_count', index]));
    own.push(outcomeAttributes(attempt, error));
    this.sink.record({
      traceId: this.hop.traceId,
      spanId,
      parentId,
      state: this.hop.state,
      kind: 'client',
      name,
      startMs: time.at(Math.max(startMs, beganMs)),
      endMs: time.at(overMs < 0 ? endMs : overMs),
      attributes: own,
      error,
      peer: peerOf(attempt),
    });
  }

  private recordWhole(
    exchange: Exchange,
    request: Asked,
    kind: Span['kind'],
    spanId: SpanId,
    endMs: number,
    only: Attempt | undefined,
  ): void {
    const { startMs, failure, detail, origin, plan, attempts } = exchange;
    const { traceId, context, state } = this.hop;
    const error = errorOf(exchange, kind);
    const attributes = request.answered(
      originAttributes.of(origin),
      plan?.decided && decidedAttributes.of(plan.decided),
      outcomeAttributes(exchange, error),
    );
    if (only?.endpoint !== undefined) attributes.push(endpointAttributes.of(only.endpoint.info));
    if (only === undefined && attempts > 1) attributes.push(ownAttributes(['tulle.tries', attempts]));
    if (failure !== undefined) attributes.push(ownAttributes(['error.message', messageOf(failure, detail)]));
    const { time } = this.sink;
    this.sink.record({
      traceId,
      spanId,
      parentId: context.spanId,
      state,
      kind,
      name: request.name,
      startMs: time.at(startMs),
      endMs: time.at(endMs),
      attributes,
      error,
      peer: kind === 'server' ? { address: origin.clientAddress, port: origin.clientPort } : only && peerOf(only),
    });
  }
}

/** A span of whose id the next hop is told. */
class SentSpan implements AttemptTrace {
  readonly isTimed = true;
  readonly spanId: SpanId;
  readonly fields: readonly Field[];

  constructor(spanId: SpanId, hop: TraceOfHop) {
    this.spanId = spanId;
    this.fields = contextFields(hop.ways, sentBy(spanId, hop, true), hop.context.spanId);
  }
}

/** That of a try of what goes out. */
class TrySpan extends SentSpan {
  readonly attempt: Attempt;
  readonly beganMs: number;

  constructor(attempt: Attempt, beganMs: number, spanId: SpanId, hop: TraceOfHop) {
    super(spanId, hop);
    this.attempt = attempt;
    this.beganMs = beganMs;
  }
}

/** What the span `spanId` of a trace says of it. */
export const sentBy = (
  spanId: SpanId,
  { traceId, context: { isRandom, isShort, isDebug } }: TraceOfHop,
  sampled: boolean,
): SentContext => ({ traceId, spanId, sampled, isRandom, isShort, isDebug });

/** A request that was refused before it became an exchange: it took no time. */
export interface Refusal {
  readonly origin: Origin;
  readonly head: RequestHead;
  readonly grpc: boolean;
  readonly version: HttpVersion;
  readonly failure: ProxyFailure;
  readonly detail: string | undefined;
  readonly startMs: number;
  readonly endMs: number;
}

/** Records the span of a request of which nothing went on. */
export function recordRefusal(sink: SpanSink, { traceId, context, state }: TraceOfHop, refusal: Refusal): void {
  const { origin, head, grpc, version, failure, detail, startMs, endMs } = refusal;
  const kind = origin.direction === 'inbound' ? 'server' : 'client';
  const outcome: Outcome = grpc
    ? { status: 200, grpcStatus: failure.grpcStatus, error: failure.kind }
    : { status: failure.status, grpcStatus: -1, error: failure.kind };
  const { name, attributes } = asked(head, grpc, version);
  sink.record({
    traceId,
    spanId: sink.ids.spanId(),
    parentId: context.spanId,
    state,
    kind,
    name,
    startMs: sink.time.at(startMs),
    endMs: sink.time.at(endMs),
    attributes: [
      attributes,
      originAttributes.of(origin),
      outcomeAttributes(outcome, failure.kind),
      ownAttributes(['error.message', messageOf(failure, detail)]),
    ],
    error: failure.kind,
    peer: kind === 'server' ? { address: origin.clientAddress, port: origin.clientPort } : undefined,
  });
}

function peerOf({ endpoint }: Attempt): Span['peer'] {
  return endpoint && { address: endpoint.info.address, port: endpoint.info.port };
}

const messageOf = ({ message }: ProxyFailure, detail: string | undefined): string =>
  bounded(detail === undefined ? message : `${message}: ${detail}`, longestMessage);
