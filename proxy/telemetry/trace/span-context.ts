import type { SpanId, TraceId } from './ids.ts';

/** What one request says of the trace that it is part of. */
export interface SpanContext {
  /** Undefined where only a decision was told (`b3: 0`). */
  readonly traceId: TraceId | undefined;
  /** Of the span that the request was sent by. Undefined where the trace's id is. */
  readonly spanId: SpanId | undefined;
  /** Whether the trace is recorded; undefined where that is left to who comes next. */
  readonly sampled: boolean | undefined;
  /** The trace's id is known to be random. */
  readonly isRandom: boolean;
  /** B3 wrote the trace's id in 16 digits: it was given zeros before them, and is written as it came. */
  readonly isShort: boolean;
  /** B3 asks that it is recorded whatever anybody's sampling says. */
  readonly isDebug: boolean;
}

/** Of a trace that is known, by what sends a request of it. */
export interface SentContext extends SpanContext {
  readonly traceId: TraceId;
  readonly spanId: SpanId;
  readonly sampled: boolean;
}
