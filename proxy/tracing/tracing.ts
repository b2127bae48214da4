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
import { newSpanId, newTraceId } from '../telemetry/trace/ids.ts';
import type { Span } from '../telemetry/trace/span.ts';
import { Field, FieldMark } from '../wire/field.ts';
import { withFields } from '../wire/heads.ts';
import type { RequestHead } from '../wire/stream.ts';
import { ExchangeSpans, recordRefusal, type SpanSink, type TraceOfHop } from './exchange-spans.ts';
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

/** What is to become of a request's trace. */
interface Decision {
  readonly isRecorded: boolean;
  readonly hop: TraceOfHop;
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
  private readonly sink: SpanSink;

  constructor({ clock, sampleRate, record }: TracingOptions) {
    this.sampleRate = sampleRate;
    this.sink = { time: new WallTime(clock), random: clock.random, record, exemplars: new Exemplars() };
  }

  onRequest(exchange: Exchange): void {
    const { head } = exchange;
    if ((head.marks & FieldMark.trace) === 0) {
      this.decideAnew(exchange);
      return;
    }
    const received = readContext(head.fields);
    const decision = this.decide(received, exchange.plan?.traceSampleRate);
    if (decision === undefined) return;
    const { context, ways, taken } = received;
    if (context === undefined && !decision.isRecorded && (taken & Propagation.b3) === 0) {
      exchange.trace = saysNo;
      return;
    }
    // Every try says what is its own.
    if (ways !== 0) exchange.outgoing = withFields(exchange.outgoing, withoutContext(exchange.outgoing.fields, ways));
    const { isRecorded, hop } = decision;
    exchange.trace = isRecorded
      ? new ExchangeSpans(this.sink, hop, exchange.origin.direction)
      : new NotRecorded(hop, this.sink.random);
  }

  /** Of a request that says nothing of traces, as most do. */
  private decideAnew(exchange: Exchange): void {
    const { traceSampleRate } = exchange.plan as RoutePlan;
    const rate = traceSampleRate ?? this.sampleRate;
    if (rate === 0 && traceSampleRate === undefined) return;
    if (this.sink.random() >= rate) exchange.trace = saysNo;
    else exchange.trace = new ExchangeSpans(this.sink, this.begunHere(noContext, true), exchange.origin.direction);
  }

  onFinish(exchange: Exchange): void {
    const { trace, plan, failure } = exchange;
    if (trace instanceof ExchangeSpans) {
      this.sink.time.look();
      trace.finish(exchange);
    } else if (plan === undefined && failure !== undefined) {
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
    const decision = this.decide(this.read(head), undefined);
    if (decision?.isRecorded !== true) return;
    this.sink.time.look();
    const endMs = this.sink.time.nowMs();
    const request = { origin, head, grpc: isGrpc(head), version: origin.version };
    recordRefusal(this.sink, decision.hop, { ...request, failure, detail, startMs: startMs ?? endMs, endMs });
  }

  private read(head: RequestHead): ReceivedContext {
    return (head.marks & FieldMark.trace) === 0 ? noContext : readContext(head.fields);
  }

  /** By the share that its rule says, if any; undefined when the request goes on as it came. */
  private decide({ context, ways, taken, state }: ReceivedContext, ofRule: number | undefined): Decision | undefined {
    // It was decided before, which is said already, or nobody is to decide here.
    if (context?.sampled === false) return undefined;
    const rate = ofRule ?? this.sampleRate;
    if (context?.sampled === undefined && rate === 0 && ofRule === undefined) return undefined;
    const isRecorded = context?.sampled ?? this.sink.random() < rate;
    if (context !== undefined && context.traceId !== '') {
      return { isRecorded, hop: { context, ways, state } };
    }
    return { isRecorded, hop: this.begunHere({ context, ways, taken, state }, isRecorded) };
  }

  /** A trace whose first span is this hop's. */
  private begunHere({ context, ways, taken }: ReceivedContext, sampled: boolean): TraceOfHop {
    const begun: SpanContext = {
      traceId: newTraceId(this.sink.random),
      spanId: '',
      sampled,
      isRandom: true,
      isShort: false,
      isDebug: context?.isDebug ?? false,
    };
    return { context: begun, ways: ways === 0 ? wayBeside(taken) : ways, state: '' };
  }
}

/** `b3: 0`: the one word for a no that names no trace. Most requests carry it where few are recorded: it costs a byte. */
const no = new Field('b3', '0');
no.interned = true;
const saysNo: ExchangeTrace & AttemptTrace = {
  fields: [no],
  begin: () => saysNo,
  onOver: () => {},
  exemplify: () => {},
};

/** Tells who comes after that nothing of a trace is recorded. */
class NotRecorded implements ExchangeTrace, AttemptTrace {
  readonly fields: AttemptTrace['fields'];

  constructor({ context, ways }: TraceOfHop, random: () => number) {
    const spanId = context.spanId === '' ? newSpanId(random) : context.spanId;
    this.fields = contextFields(ways, { ...context, spanId, sampled: false }, '');
  }

  begin(): AttemptTrace {
    return this;
  }

  onOver(): void {}

  exemplify(): void {}
}
