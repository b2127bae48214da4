import type { SpanId, TraceId } from './ids.ts';

/** One thing that a span tells, by a name of OpenTelemetry's semantic conventions or, of the mesh's own facts, `tulle.*`. */
export type Attribute = readonly [name: string, value: string | number];

/** Knows how attributes are written where spans are sent to. */
export interface AttributeFormat {
  attributes(list: readonly Attribute[]): Uint8Array;
}

/**
 * Attributes that stand together: what one endpoint, one route or one connection is known by. They come again in many
 * spans, and are written once: the bytes stay on the object.
 */
export class AttributeSet {
  readonly list: readonly Attribute[];
  /** False for what one span tells and no other: to keep that would cost more than it saves. */
  comesAgain: boolean;
  private format: AttributeFormat | undefined = undefined;
  private bytes: Uint8Array = noBytes;

  constructor(list: readonly Attribute[], comesAgain = true) {
    this.list = list;
    this.comesAgain = comesAgain;
  }

  /** As `format` has them. A process has one. */
  bytesIn(format: AttributeFormat): Uint8Array {
    if (this.format !== format) {
      this.bytes = format.attributes(this.list);
      this.format = format;
    }
    return this.bytes;
  }
}

const noBytes = new Uint8Array(0);

/** What took a while, as a trace shows it. */
export interface Span {
  readonly traceId: TraceId;
  readonly spanId: SpanId;
  /** Undefined where the trace begins. */
  readonly parentId: SpanId | undefined;
  /** `tracestate` of its trace; empty without. */
  readonly state: string;
  readonly kind: 'server' | 'client' | 'internal';
  readonly name: string;
  /** In milliseconds since the epoch, with their fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: readonly AttributeSet[];
  /** Why it failed, in a word; undefined when it did not. */
  readonly error: string | undefined;
  /** Who was at the other end; undefined where nobody was. */
  readonly peer: { readonly address: string; readonly port: number } | undefined;
}

/** What all spans of a process are of: `service.name` and whatever else was told at the start. */
export interface Resource {
  readonly serviceName: string;
  readonly attributes: readonly Attribute[];
}

/** At most `length` characters of what a peer said. */
export const bounded = (text: string, length: number): string => excerpt(text, 0, text.length, length);

/**
 * At most `length` characters of `text[start, end)`. Out of a text that is longer they are copied: a part of a text holds
 * all of it in memory, for as long as it is kept.
 */
export function excerpt(text: string, start: number, end: number, length: number): string {
  if (text.length <= length) return text.slice(start, end);
  return Buffer.from(text.slice(start, Math.min(end, start + length)), 'latin1').toString('latin1');
}
