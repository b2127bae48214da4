import { ProtobufWriter } from './protobuf-writer.ts';
import type { Attribute, Resource, Span } from './span.ts';
import type { SpanFormat } from './span-format.ts';

/** SpanKind of opentelemetry/proto/trace/v1/trace.proto. */
const kinds = { internal: 1, server: 2, client: 3 } as const;
const statusError = 2;

/** What says of a span that it is this proxy's. */
const scopeName = 'tulle-proxy';

/** Bytes that the length of a span takes, as a rule. */
const spanLengthRoom = 2;

/** Spans of an ExportTraceServiceRequest (opentelemetry/proto/collector/trace/v1/trace_service.proto). */
export class OtlpFormat implements SpanFormat {
  private readonly out = new ProtobufWriter();
  /** Of what is written while a span is. */
  private readonly kept = new ProtobufWriter();
  /** `resource` of ResourceSpans. */
  private readonly resource: Uint8Array;
  /** `scope` of ScopeSpans. */
  private readonly scope: Uint8Array;

  constructor({ serviceName, attributes }: Resource, version: string) {
    const { out } = this;
    const resource = out.begin(1);
    attribute(out, 1, ['service.name', serviceName]);
    for (const each of attributes) attribute(out, 1, each);
    out.end(resource);
    this.resource = out.take();
    const scope = out.begin(1);
    out.text(1, scopeName);
    out.text(2, version);
    out.end(scope);
    this.scope = out.take();
  }

  attributes(list: readonly Attribute[]): Uint8Array {
    for (let i = 0; i < list.length; i++) attribute(this.kept, 9, list[i]);
    return this.kept.take();
  }

  encode(span: Span): Uint8Array {
    const { out } = this;
    const { attributes, error } = span;
    out.clear();
    const message = out.begin(2, spanLengthRoom);
    out.hex(1, span.traceId);
    out.hex(2, span.spanId);
    out.text(3, span.state);
    out.hex(4, span.parentId);
    out.text(5, span.name);
    out.integer(6, kinds[span.kind]);
    // To the microsecond: no clock here is finer.
    out.nanoseconds(7, Math.round(span.startMs * 1000));
    out.nanoseconds(8, Math.round(span.endMs * 1000));
    for (let i = 0; i < attributes.length; i++) {
      const set = attributes[i];
      if (set.comesAgain) out.append(set.bytesIn(this));
      else for (let j = 0; j < set.list.length; j++) attribute(out, 9, set.list[j]);
    }
    if (error !== undefined) {
      const status = out.begin(15);
      out.text(2, error);
      out.integer(3, statusError);
      out.end(status);
    }
    out.end(message, spanLengthRoom);
    return out.written;
  }

  batch(spans: Uint8Array): Uint8Array {
    const { out, resource, scope } = this;
    out.clear();
    out.prefix(2, scope.length + spans.length);
    out.append(scope);
    const scopeSpans = out.take();
    out.prefix(1, resource.length + scopeSpans.length + spans.length);
    return Buffer.concat([out.written, resource, scopeSpans, spans]);
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
