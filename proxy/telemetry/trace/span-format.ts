import type { OutputBuffer } from '../../wire/output-buffer.ts';
import type { AttributeFormat, Span } from './span.ts';

/**
 * How spans are written for a collector. Each is written when it is over: what waits to be sent is bytes, and no objects
 * that the garbage collector would look through.
 */
export interface SpanFormat extends AttributeFormat {
  /** Room before the first span of a batch, for what is sent before it. */
  readonly frontBytes: number;
  /** Writes a span behind what `out` has. */
  encode(out: OutputBuffer, span: Span): void;
  /** What is sent of the spans in `out`, of which the first is at `frontBytes`: valid until `out` is written to. */
  batch(out: OutputBuffer): Uint8Array;
}
