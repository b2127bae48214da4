import { ProtobufWriter } from './protobuf-writer.ts';
import type { Attribute, Resource, Span } from './span.ts';

/** SpanKind of opentelemetry/proto/trace/v1/trace.proto. */
const kinds = { internal: 1, server: 2, client: 3 } as const;
const statusError = 2;

/** What says of a span that it is this proxy's. */
const scopeName = 'tulle-proxy';

/** An ExportTraceServiceRequest (opentelemetry/proto/collector/trace/v1/trace_service.proto) of `spans`. */
export function encodeOtlp(resource: Resource, spans: readonly Span[], version: string): Uint8Array {
  const out = new ProtobufWriter();
  const resourceSpans = out.begin(1);
  const described = out.begin(1);
  attribute(out, 1, ['service.name', resource.serviceName]);
  for (const each of resource.attributes) attribute(out, 1, each);
  out.end(described);
  const scopeSpans = out.begin(2);
  const scope = out.begin(1);
  out.text(1, scopeName);
  out.text(2, version);
  out.end(scope);
  for (const span of spans) writeSpan(out, span);
  out.end(scopeSpans);
  out.end(resourceSpans);
  return out.take();
}

function writeSpan(out: ProtobufWriter, span: Span): void {
  const message = out.begin(2);
  out.hex(1, span.traceId);
  out.hex(2, span.spanId);
  out.text(3, span.state);
  out.hex(4, span.parentId);
  out.text(5, span.name);
  out.integer(6, kinds[span.kind]);
  // To the microsecond: no clock here is finer.
  out.nanoseconds(7, Math.round(span.startMs * 1000));
  out.nanoseconds(8, Math.round(span.endMs * 1000));
  for (const each of span.attributes) attribute(out, 9, each);
  if (span.error !== undefined) {
    const status = out.begin(15);
    out.text(2, span.error);
    out.integer(3, statusError);
    out.end(status);
  }
  out.end(message);
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
