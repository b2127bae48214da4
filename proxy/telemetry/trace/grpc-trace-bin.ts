import { Field } from '../../wire/field.ts';
import { SpanId, TraceId } from './ids.ts';
import type { SentContext, SpanContext } from './span-context.ts';

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
  let traceId: TraceId | undefined;
  let spanId: SpanId | undefined;
  let sampled: boolean | undefined;
  let at = 1;
  /** Where the value of the field that is at `at` stands; undefined when it is cut off. */
  const take = (length: number): number | undefined => {
    const from = at + 1;
    at = from + length;
    return at <= bytes.length ? from : undefined;
  };
  // What follows a field that nobody knows cannot be read, and is no error.
  for (let isKnown = true; isKnown && at < bytes.length; ) {
    if (bytes[at] === traceIdField) traceId = traceIdIn(bytes, take(16));
    else if (bytes[at] === spanIdField) spanId = spanIdIn(bytes, take(8));
    // Without the bit nothing was decided, says the format; all who write it, and Linkerd's proxies, mean no.
    else if (bytes[at] === optionsField) {
      const from = take(1);
      sampled = from !== undefined && (bytes[from] & 1) !== 0;
    } else isKnown = false;
  }
  if (traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, sampled, isRandom: false, isShort: false, isDebug: false };
}

function traceIdIn(bytes: Buffer, at: number | undefined): TraceId | undefined {
  if (at === undefined) return undefined;
  const words = [0, 4, 8, 12].map((offset) => bytes.readInt32BE(at + offset));
  return words.some((word) => word !== 0) ? new TraceId(words[0], words[1], words[2], words[3]) : undefined;
}

function spanIdIn(bytes: Buffer, at: number | undefined): SpanId | undefined {
  if (at === undefined) return undefined;
  const id = new SpanId(bytes.readInt32BE(at), bytes.readInt32BE(at + 4));
  return id.high === 0 && id.low === 0 ? undefined : id;
}

export function grpcTraceBin({ traceId, spanId, sampled }: SentContext): Field {
  const bytes = Buffer.alloc(1 + 17 + 9 + 2);
  bytes[1] = traceIdField;
  bytes.writeInt32BE(traceId.word0, 2);
  bytes.writeInt32BE(traceId.word1, 6);
  bytes.writeInt32BE(traceId.word2, 10);
  bytes.writeInt32BE(traceId.word3, 14);
  bytes[18] = spanIdField;
  bytes.writeInt32BE(spanId.high, 19);
  bytes.writeInt32BE(spanId.low, 23);
  bytes[27] = optionsField;
  bytes[28] = sampled ? 1 : 0;
  return new Field('grpc-trace-bin', bytes.toString('base64'));
}
