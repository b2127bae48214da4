import type { OutputBuffer } from '../../wire/output-buffer.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import type { Attribute, Resource, Span } from './span.ts';
import type { SpanFormat } from './span-format.ts';

/** SpanKind of opentelemetry/proto/trace/v1/trace.proto. */
const kinds = { internal: 1, server: 2, client: 3 } as const;
const statusError = 2;

/** What says of a span that it is this proxy's. */
const scopeName = 'tulle-proxy';

/** Bytes that the length of a span takes, as a rule, and that of a batch, at most. */
const spanLengthRoom = 2;
const batchLengthRoom = 5;

/** Spans of an ExportTraceServiceRequest (opentelemetry/proto/collector/trace/v1/trace_service.proto). */
export class OtlpFormat implements SpanFormat {
  readonly frontBytes: number;
  private readonly writer = new ProtobufWriter();
  /** Of what is written while a span is. */
  private readonly kept = new ProtobufWriter();
  /** `resource` of ResourceSpans. */
  private readonly resource: Uint8Array;
  /** `scope` of ScopeSpans. */
  private readonly scope: Uint8Array;

  constructor({ serviceName, attributes }: Resource, version: string) {
    const { kept } = this;
    const resource = kept.begin(1);
    attribute(kept, 1, ['service.name', serviceName]);
    for (const each of attributes) attribute(kept, 1, each);
    kept.end(resource);
    this.resource = kept.out.take();
    const scope = kept.begin(1);
    kept.text(1, scopeName);
    kept.text(2, version);
    kept.end(scope);
    this.scope = kept.out.take();
    this.frontBytes = this.resource.length + this.scope.length + 2 * (1 + batchLengthRoom);
  }

  attributes(list: readonly Attribute[]): Uint8Array {
    for (let i = 0; i < list.length; i++) attribute(this.kept, 9, list[i]);
    return this.kept.out.take();
  }

  encode(out: OutputBuffer, span: Span): void {
    const { writer } = this;
    const { parentId, attributes, error } = span;
    writer.out = out;
    const message = writer.begin(2, spanLengthRoom);
    writer.traceId(1, span.traceId);
    writer.spanId(2, span.spanId);
    writer.text(3, span.state);
    if (parentId !== undefined) writer.spanId(4, parentId);
    writer.text(5, span.name);
    writer.integer(6, kinds[span.kind]);
    // To the microsecond: no clock here is finer.
    writer.nanoseconds(7, Math.round(span.startMs * 1000));
    writer.nanoseconds(8, Math.round(span.endMs * 1000));
    for (let i = 0; i < attributes.length; i++) {
      const set = attributes[i];
      if (set.comesAgain) out.append(set.bytesIn(this));
      else for (let j = 0; j < set.list.length; j++) attribute(writer, 9, set.list[j]);
    }
    if (error !== undefined) {
      const status = writer.begin(15);
      writer.text(2, error);
      writer.integer(3, statusError);
      writer.end(status);
    }
    writer.end(message, spanLengthRoom);
  }

  batch(out: OutputBuffer): Uint8Array {
    const { kept, resource, scope, frontBytes } = this;
    const spans = out.length - frontBytes;
    kept.prefix(2, scope.length + spans);
    kept.out.append(scope);
    const scopeSpans = kept.out.take();
    kept.prefix(1, resource.length + scopeSpans.length + spans);
    kept.out.append(resource);
    kept.out.append(scopeSpans);
    const front = kept.out.take();
    out.bytes.set(front, frontBytes - front.length);
    return out.bytes.subarray(frontBytes - front.length, out.length);
  }
}

function attribute(out: ProtobufWriter, field: number, [name, value]: Attribute): void {
  const pair = out.begin(field);
  out.text(1, name);
  const told = out.begin(2);
  if (typeof value === 'string') out.chosenText(1, value);
  else out.integer(3, value);
  out.end(told);
  out.end(pair);
}

/**
 * How many spans a collector did not take, by its ExportTraceServiceResponse: `partial_success.rejected_spans`. What
 * cannot be read says nothing of any.
 */
export function rejectedSpans(response: Uint8Array): number {
  const partial = field(response, 1, 2);
  return partial instanceof Uint8Array ? Number(field(partial, 1, 0) ?? 0) : 0;
}

/** The first field of a message that has a number and a type, as bytes or an integer. */
function field(message: Uint8Array, number: number, type: number): Uint8Array | number | undefined {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; at < message.length; factor *= 128) {
      const byte = message[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    return value;
  };
  while (at < message.length) {
    const tag = varint();
    const found = Math.floor(tag / 8) === number && (tag & 7) === type;
    if ((tag & 7) === 0) {
      const value = varint();
      if (found) return value;
    } else if ((tag & 7) === 2) {
      const length = varint();
      if (found) return message.subarray(at, at + length);
      at += length;
    } else return undefined;
  }
  return undefined;
}
