/** What one request says of the trace that it is part of. */
export interface SpanContext {
  /** 32 digits of hexadecimal; empty where only a decision was told (`b3: 0`). */
  readonly traceId: string;
  /** Of the span that the request was sent by: 16 digits. Empty where the trace's id is. */
  readonly spanId: string;
  /** Whether the trace is recorded; undefined where that is left to who comes next. */
  readonly sampled: boolean | undefined;
  /** The trace's id is known to be random. */
  readonly isRandom: boolean;
  /** B3 wrote the trace's id in 16 digits: it was given zeros before them, and is written as it came. */
  readonly isShort: boolean;
  /** B3 asks that it is recorded whatever anybody's sampling says. */
  readonly isDebug: boolean;
}
