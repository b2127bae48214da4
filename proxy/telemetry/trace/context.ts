import { type Field, FieldMark } from '../../wire/field.ts';
import { type B3Fields, b3, b3Fields, readB3, readB3Fields } from './b3.ts';
import { grpcTraceBin, readGrpcTraceBin } from './grpc-trace-bin.ts';
import type { SpanId, TraceId } from './ids.ts';
import type { SentContext, SpanContext } from './span-context.ts';
import { readTraceparent, traceparent, tracestate } from './w3c.ts';

export type { SentContext, SpanContext } from './span-context.ts';

/** The ways in which requests say what trace they are part of, as bits. */
export const Propagation = {
  /** `traceparent`, with `tracestate` beside it. */
  w3c: 1,
  grpc: 2,
  /** `b3`. */
  b3: 4,
  /** `x-b3-traceid` and the others. */
  b3Fields: 8,
} as const;

/** What the fields of a request say of its trace. */
export interface ReceivedContext {
  /** Undefined when nothing can be read. */
  readonly context: SpanContext | undefined;
  /** The ways in which it was told: the same ones tell the next hop. None without a context. */
  readonly ways: number;
  /** The ways that are taken, by what can be read or not: what cannot goes on as it came. */
  readonly taken: number;
  /** For spans; empty without. */
  readonly state: string;
}

/**
 * Reads what the fields of a request say of its trace. Where they say it in several ways, W3C's goes before gRPC's, and
 * that before B3; those that tell of another trace are left as they are. What is there twice, or breaks its rules, says
 * nothing.
 */
export function readContext(fields: readonly Field[]): ReceivedContext {
  let only: Field | undefined;
  for (let i = 0; i < fields.length; i++) {
    if ((fields[i].marks & FieldMark.trace) === 0) continue;
    if (only !== undefined) return readSeveral(fields);
    only = fields[i];
  }
  return only === undefined ? nothing : readOnly(only);
}

const nothing: ReceivedContext = { context: undefined, ways: 0, taken: 0, state: '' };
const saidNo: ReceivedContext = { context: readB3('0'), ways: Propagation.b3, taken: Propagation.b3, state: '' };

/** What most requests say: it is in one field. */
function readOnly({ name, value }: Field): ReceivedContext {
  let way: number;
  let context: SpanContext | undefined;
  if (name === 'traceparent') {
    way = Propagation.w3c;
    context = readTraceparent(value);
  } else if (name === 'b3') {
    if (value === '0') return saidNo;
    way = Propagation.b3;
    context = readB3(value);
  } else if (name === 'grpc-trace-bin') {
    way = Propagation.grpc;
    context = readGrpcTraceBin(value);
  } else {
    way = wayOf(name);
    if (way === Propagation.b3Fields) context = readB3Fields({ ...noB3Fields, [b3Parts[name]]: value });
  }
  return { context, ways: context === undefined ? 0 : way, taken: way, state: '' };
}

function readSeveral(fields: readonly Field[]): ReceivedContext {
  let w3cValue: string | undefined;
  let grpcValue: string | undefined;
  let b3Value: string | undefined;
  let multi: B3Fields | undefined;
  const states: string[] = [];
  let taken = 0;
  let broken = 0;
  for (let i = 0; i < fields.length; i++) {
    const { marks, name, value } = fields[i];
    if ((marks & FieldMark.trace) === 0) continue;
    const way = wayOf(name);
    switch (way) {
      case Propagation.w3c:
        if (w3cValue !== undefined) broken |= way;
        w3cValue = value;
        break;
      case Propagation.grpc:
        if (grpcValue !== undefined) broken |= way;
        grpcValue = value;
        break;
      case Propagation.b3:
        if (b3Value !== undefined) broken |= way;
        b3Value = value;
        break;
      case Propagation.b3Fields: {
        multi ??= { ...noB3Fields };
        const part = b3Parts[name];
        if (multi[part] !== undefined) broken |= way;
        multi[part] = value;
        break;
      }
      default:
        // A request has few fields, but a hostile one.
        if (name === 'tracestate' && states.length < 32) states.push(value);
    }
    taken |= way;
  }
  let context: SpanContext | undefined;
  let ways = 0;
  const consider = (way: number, read: SpanContext | undefined): void => {
    if (read === undefined) return;
    if (context === undefined || (context.traceId === undefined && read.traceId !== undefined)) {
      context = read;
      ways = way;
    } else if (isSame(context.traceId, read.traceId)) ways |= way;
  };
  const isWhole = (way: number): boolean => (taken & ~broken & way) !== 0;
  if (isWhole(Propagation.w3c)) consider(Propagation.w3c, readTraceparent(w3cValue as string));
  if (isWhole(Propagation.grpc)) consider(Propagation.grpc, readGrpcTraceBin(grpcValue as string));
  if (isWhole(Propagation.b3)) consider(Propagation.b3, readB3(b3Value as string));
  if (isWhole(Propagation.b3Fields)) consider(Propagation.b3Fields, readB3Fields(multi as B3Fields));
  const hasState = states.length > 0 && (ways & Propagation.w3c) !== 0;
  return { context, ways, taken, state: hasState ? tracestate(states) : '' };
}

const isSame = (one: TraceId | undefined, other: TraceId | undefined): boolean =>
  one === undefined || other === undefined ? one === other : one.equals(other);

/** How a trace that begins here is told beside what is there, which was not readable and stays; 0 where no way is left. */
export function wayBeside(taken: number): number {
  for (const way of [Propagation.w3c, Propagation.b3, Propagation.grpc]) if ((taken & way) === 0) return way;
  return 0;
}

/** What a request says that the span of `context` sends, whose parent is `parentId`. */
export function contextFields(ways: number, context: SentContext, parentId: SpanId | undefined): Field[] {
  if (ways === Propagation.w3c) return [traceparent(context)];
  const fields: Field[] = [];
  if ((ways & Propagation.w3c) !== 0) fields.push(traceparent(context));
  if ((ways & Propagation.grpc) !== 0) fields.push(grpcTraceBin(context));
  if ((ways & Propagation.b3) !== 0) fields.push(b3(context, parentId));
  if ((ways & Propagation.b3Fields) !== 0) fields.push(...b3Fields(context, parentId));
  return fields;
}

/** `fields` without those that tell of a trace in `ways`. */
export function withoutContext(fields: readonly Field[], ways: number): Field[] {
  const others: Field[] = [];
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i];
    if ((field.marks & FieldMark.trace) === 0 || (wayOf(field.name) & ways) === 0) others.push(field);
  }
  return others;
}

const noB3Fields: Readonly<B3Fields> = {
  traceId: undefined,
  spanId: undefined,
  parentId: undefined,
  sampled: undefined,
  flags: undefined,
};
const b3Parts: Readonly<Record<string, keyof B3Fields>> = {
  'x-b3-traceid': 'traceId',
  'x-b3-spanid': 'spanId',
  'x-b3-parentspanid': 'parentId',
  'x-b3-sampled': 'sampled',
  'x-b3-flags': 'flags',
};

function wayOf(name: string): number {
  switch (name) {
    case 'traceparent':
      return Propagation.w3c;
    case 'grpc-trace-bin':
      return Propagation.grpc;
    case 'b3':
      return Propagation.b3;
    default:
      return Object.hasOwn(b3Parts, name) ? Propagation.b3Fields : 0;
  }
}
