import type { Clock } from '../clock.ts';
import { isGrpc } from '../exchange/answer.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { AttemptTrace, ExchangeObserver, ExchangeTrace } from '../exchange/observers.ts';
import type { Origin } from '../exchange/origin.ts';
import type { RoutePlan } from '../exchange/plan.ts';
import type { ProxyFailure } from '../exchange/proxy-failure.ts';
import { Exemplars } from '../telemetry/exemplars.ts';
import {
  contextFields,
  Propagation,
  type ReceivedContext,
  readContext,
  type SpanContext,
  wayBeside,
  withoutContext,
} from '../telemetry/trace/context.ts';
import { IdSource } from '../telemetry/trace/ids.ts';
import type { Span } from '../telemetry/trace/span.ts';
import { Field, FieldMark } from '../wire/field.ts';
import { withFields } from '../wire/heads.ts';
import type { RequestHead } from '../wire/stream.ts';
import { ExchangeSpans, recordRefusal, type SpanSink, sentBy, type TraceOfHop } from './exchange-spans.ts';
import { WallTime } from './wall-time.ts';

export interface TracingOptions {
  clock: Clock;
  /**
   * Of the requests that come without a decision, the share that is recorded, from 0 to 1, where their rule does not say
   * another; 0: no trace begins here.
   */
  sampleRate: number;
  /** Takes what is to be sent. */
  record: (span: Span) => void;
}

const noContext: ReceivedContext = { context: undefined, ways: 0, taken: 0, state: '' };

/**
 * Follows requests that are part of a trace, and begins traces where that is asked for. Who comes with a decision is
 * followed by it. Where there is none, it is made here by the rule's rate or else the proxy's, once for all who come after:
 * they are told, also of a no. What
 * cannot be read of a trace goes on as it came, and the trace that begins here is told beside it.
 */
export class Tracing implements ExchangeObserver {
  private readonly sampleRate: number;
  private readonly random: () => number;
  private readonly sink: SpanSink;

  constructor({ clock, sampleRate, record }: TracingOptions) {
    this.sampleRate = sampleRate;
    this.random = clock.random;
    this.sink = { time: new WallTime(clock), ids: new IdSource(clock.random), record, exemplars: new Exemplars() };
  }

  onRequest(exchange: Exchange): void {
    const { head, origin } = exchange;
    if ((head.marks & FieldMark.trace) === 0) {
      this.decideAnew(exchange);
      return;
    }
    const received = readContext(head.fields);
    const { context, ways, taken } = received;
    const isRecorded = this.isRecorded(context, exchange.plan?.traceSampleRate);
    if (isRecorded === undefined) return;
    if (context === undefined && !isRecorded && (taken & Propagation.b3) === 0) {
      exchange.trace = saysNo;
      return;
    }
    // Every try says what is its own.
    if (ways !== 0) exchange.outgoing = withFields(exchange.outgoing, withoutContext(exchange.outgoing.fields, ways));
    const hop = this.hopOf(received, isRecorded);
    exchange.trace = isRecorded
      ? new ExchangeSpans(this.sink, hop, origin.direction)
      : new NotRecorded(hop, this.sink.ids);
  }

  /** Of a request that says nothing of traces, as most do. */
  private decideAnew(exchange: Exchange): void {
    const { traceSampleRate } = exchange.plan as RoutePlan;
    const rate = traceSampleRate ?? this.sampleRate;
    if (rate === 0 && traceSampleRate === undefined) return;
    exchange.trace =
      this.random() < rate
        ? new ExchangeSpans(this.sink, this.hopOf(noContext, true), exchange.origin.direction)
        : saysNo;
  }

  onFinish(exchange: Exchange): void {
    const { trace, plan, failure } = exchange;
    if (trace instanceof ExchangeSpans) trace.finish(exchange);
    else if (plan === undefined && failure !== undefined) {
      const { origin, head, detail, startMs } = exchange;
      this.refused(origin, head, failure, detail, startMs);
    }
  }

  onRefused(origin: Origin, head: RequestHead, failure: ProxyFailure): void {
    this.refused(origin, head, failure, undefined, undefined);
  }

  private refused(
    origin: Origin,
    head: RequestHead,
    failure: ProxyFailure,
    detail: string | undefined,
    startMs: number | undefined,
  ): void {
    const received = (head.marks & FieldMark.trace) === 0 ? noContext : readContext(head.fields);
    if (this.isRecorded(received.context, undefined) !== true) return;
    const { time } = this.sink;
    const endMs = time.nowMs();
    time.look(endMs);
    const request = { origin, head, grpc: isGrpc(head), version: origin.version };
    recordRefusal(this.sink, this.hopOf(received, true), {
      ...{ ...request, failure, detail },
      ...{ startMs: startMs ?? endMs, endMs },
    });
  }

  /** By the share that its rule says, if any; undefined when the request goes on as it came. */
  private isRecorded(context: SpanContext | undefined, ofRule: number | undefined): boolean | undefined {
    // It was decided before, and a no is said already.
    if (context?.sampled !== undefined) return context.sampled ? true : undefined;
    const rate = ofRule ?? this.sampleRate;
    // Nobody is to decide here.
    if (rate === 0 && ofRule === undefined) return undefined;
    return this.random() < rate;
  }

  /** The trace that a request is part of; where it names none, one whose first span is this hop's. */
  private hopOf({ context, ways, taken, state }: ReceivedContext, sampled: boolean): TraceOfHop {
    if (context?.traceId !== undefined) return { traceId: context.traceId, context, ways, state };
    const traceId = this.sink.ids.traceId();
    const begun: SpanContext = {
      traceId,
      spanId: undefined,
      sampled,
      isRandom: true,
      isShort: false,
      isDebug: context?.isDebug ?? false,
    };
    return { traceId, context: begun, ways: ways === 0 ? wayBeside(taken) : ways, state: '' };
  }
}

/** `b3: 0`: the one word for a no that names no trace. Most requests carry it where few are recorded: it costs a byte. */
const no = new Field('b3', '0');
no.interned = true;
const saysNo: ExchangeTrace & AttemptTrace = {
  isTimed: false,
  fields: [no],
  begin: () => saysNo,
  exemplify: () => {},
};

/** Tells who comes after that nothing of a trace is recorded. */
class NotRecorded implements ExchangeTrace, AttemptTrace {
  readonly isTimed = false;
  readonly fields: AttemptTrace['fields'];

  constructor(hop: TraceOfHop, ids: IdSource) {
    const spanId = hop.context.spanId ?? ids.spanId();
    this.fields = contextFields(hop.ways, sentBy(spanId, hop, false), undefined);
  }

  begin(): AttemptTrace {
    return this;
  }

  exemplify(): void {}
}
