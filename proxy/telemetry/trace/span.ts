/** One thing that a span tells, by a name of OpenTelemetry's semantic conventions or, of the mesh's own facts, `tulle.*`. */
export type Attribute = readonly [name: string, value: string | number];

/** What took a while, as a trace shows it. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where the trace begins. */
  readonly parentId: string;
  /** `tracestate` of its trace; empty without. */
  readonly state: string;
  readonly kind: 'server' | 'client' | 'internal';
  readonly name: string;
  /** In milliseconds since the epoch, with their fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: readonly Attribute[];
  /** Why it failed, in a word; undefined when it did not. */
  readonly error: string | undefined;
  /** Who was at the other end; undefined where nobody was. */
  readonly peer: { readonly address: string; readonly port: number } | undefined;
  /** Characters that it holds, more or less: what a queue is bounded by. */
  readonly size: number;
}

/** What all spans of a process are of: `service.name` and whatever else was told at the start. */
export interface Resource {
  readonly serviceName: string;
  readonly attributes: readonly Attribute[];
}

/** What one span costs beside the texts that others chose. */
const ownSize = 512;

/** The `size` of a span with such texts in it. */
export function sizeOf(name: string, attributes: readonly Attribute[]): number {
  let size = ownSize + name.length;
  for (let i = 0; i < attributes.length; i++) {
    const value = attributes[i][1];
    if (typeof value === 'string') size += value.length;
  }
  return size;
}

/** At most `length` characters of what a peer said. */
export const bounded = (text: string, length: number): string => excerpt(text, 0, text.length, length);

/**
 * At most `length` characters of `text[start, end)`. Out of a text that is longer they are copied: a part of a text holds
 * all of it in memory, for as long as a span waits.
 */
export function excerpt(text: string, start: number, end: number, length: number): string {
  if (text.length <= length) return text.slice(start, end);
  return Buffer.from(text.slice(start, Math.min(end, start + length)), 'latin1').toString('latin1');
}
