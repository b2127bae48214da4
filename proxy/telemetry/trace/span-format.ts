import type { AttributeFormat, Span } from './span.ts';

/**
 * How spans are written for a collector. Each is written when it is over: what waits to be sent is bytes, and no objects
 * that the garbage collector would look through.
 */
export interface SpanFormat extends AttributeFormat {
  /** One span, as it stands among others. What is returned is valid until the next call. */
  encode(span: Span): Uint8Array;
  /** What is sent of `spans`, which were encoded and stand one behind the other. */
  batch(spans: Uint8Array): Uint8Array;
}
