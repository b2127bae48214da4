import { Field } from '../../wire/field.ts';
import { isSpanId, isTraceId } from './ids.ts';
import type { SpanContext } from './span-context.ts';

/** Fields of a trace context by their ids (census-instrumentation/opencensus-specs encodings/BinaryEncoding.md). */
const traceIdField = 0;
const spanIdField = 1;
const optionsField = 2;

/** Those three, and as much of what is yet to be thought of. */
const longest = 128;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The value of `grpc-trace-bin`, with or without padding; undefined when it is none. */
export function readGrpcTraceBin(value: string): SpanContext | undefined {
  if (value.length > longest || !base64.test(value)) return undefined;
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length === 0 || bytes[0] !== 0) return undefined;
  let traceId = '';
  let spanId = '';
  let sampled: boolean | undefined;
  let at = 1;
  const take = (length: number): string => {
    const from = at + 1;
    at = from + length;
    return bytes.toString('hex', from, at);
  };
  // What follows a field that nobody knows cannot be read, and is no error.
  for (let isKnown = true; isKnown && at < bytes.length; ) {
    if (bytes[at] === traceIdField) traceId = take(16);
    else if (bytes[at] === spanIdField) spanId = take(8);
    // Without the bit nothing was decided, says the format; all who write it, and Linkerd's proxies, mean no.
    else if (bytes[at] === optionsField) sampled = (Number.parseInt(take(1), 16) & 1) !== 0;
    else isKnown = false;
  }
  if (!isTraceId(traceId) || !isSpanId(spanId)) return undefined;
  return { traceId, spanId, sampled, isRandom: false, isShort: false, isDebug: false };
}

export function grpcTraceBin({ traceId, spanId, sampled }: SpanContext): Field {
  const bytes = Buffer.alloc(1 + 17 + 9 + 2);
  bytes[1] = traceIdField;
  bytes.write(traceId, 2, 'hex');
  bytes[18] = spanIdField;
  bytes.write(spanId, 19, 'hex');
  bytes[27] = optionsField;
  bytes[28] = sampled ? 1 : 0;
  return new Field('grpc-trace-bin', bytes.toString('base64'));
}
