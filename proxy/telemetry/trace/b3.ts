import { Field } from '../../wire/field.ts';
import { digitsOfSpanId, digitsOfTraceId, type SpanId, shortTraceIdAt, spanIdAt, traceIdAt } from './ids.ts';
import type { SentContext, SpanContext } from './span-context.ts';

/** Two ids of a span, one of a trace, a decision and what stands between them. */
const longest = 32 + 16 + 16 + 1 + 3;
const digitsOfShortId = 16;

interface Decision {
  readonly sampled: boolean | undefined;
  readonly isDebug: boolean;
}

const decisions = new Map<string, Decision>([
  ['1', { sampled: true, isDebug: false }],
  ['0', { sampled: false, isDebug: false }],
  ['d', { sampled: true, isDebug: true }],
]);
const deferred: Decision = { sampled: undefined, isDebug: false };

/** The value of `b3` (openzipkin/b3-propagation, "Single Header"); undefined when it is none. */
export function readB3(value: string): SpanContext | undefined {
  if (value.length > longest) return undefined;
  const only = decisions.get(value);
  if (only !== undefined) return decided(only);
  const [traceId, spanId, sampling, parentId, ...more] = value.split('-');
  const decision = sampling === undefined ? deferred : decisions.get(sampling);
  if (spanId === undefined || decision === undefined || more.length > 0) return undefined;
  if (parentId !== undefined && spanIdOf(parentId) === undefined) return undefined;
  return contextOf(traceId, spanId, decision);
}

/** The values of `x-b3-*`, one field each ("Multiple Headers"). */
export interface B3Fields {
  traceId: string | undefined;
  spanId: string | undefined;
  parentId: string | undefined;
  sampled: string | undefined;
  flags: string | undefined;
}

/** Undefined when they are broken. */
export function readB3Fields({ traceId, spanId, parentId, sampled, flags }: B3Fields): SpanContext | undefined {
  if (flags !== undefined && flags !== '1' && flags !== '0') return undefined;
  if (parentId !== undefined && spanIdOf(parentId) === undefined) return undefined;
  const told = sampled === 'true' ? '1' : sampled === 'false' ? '0' : sampled;
  const decision = flags === '1' ? decisions.get('d') : told === undefined ? deferred : decisions.get(told);
  if (decision === undefined || told === 'd') return undefined;
  if (traceId === undefined && spanId === undefined) {
    return decision.sampled === undefined ? undefined : decided(decision);
  }
  if (traceId === undefined || spanId === undefined) return undefined;
  return contextOf(traceId, spanId, decision);
}

/** Of a request that is sent by the span of `context`; `parentId` is that span's own parent. */
export function b3(context: SentContext, parentId: SpanId | undefined): Field {
  const { spanId, sampled, isDebug } = context;
  const parent = parentId === undefined ? '' : `-${parentId}`;
  return new Field('b3', `${writtenTraceId(context)}-${spanId}-${isDebug ? 'd' : sampled ? '1' : '0'}${parent}`);
}

export function b3Fields(context: SentContext, parentId: SpanId | undefined): Field[] {
  const { spanId, sampled, isDebug } = context;
  return [
    new Field('x-b3-traceid', writtenTraceId(context)),
    new Field('x-b3-spanid', `${spanId}`),
    ...(parentId === undefined ? [] : [new Field('x-b3-parentspanid', `${parentId}`)]),
    isDebug ? new Field('x-b3-flags', '1') : new Field('x-b3-sampled', sampled ? '1' : '0'),
  ];
}

const writtenTraceId = ({ traceId, isShort }: SentContext): string => `${traceId}`.slice(isShort ? digitsOfShortId : 0);

/** A decision that names no trace. */
const decided = ({ sampled, isDebug }: Decision): SpanContext => ({
  traceId: undefined,
  spanId: undefined,
  sampled,
  isRandom: false,
  isShort: false,
  isDebug,
});

function contextOf(traceText: string, spanText: string, { sampled, isDebug }: Decision): SpanContext | undefined {
  const isShort = traceText.length === digitsOfShortId;
  if (!isShort && traceText.length !== digitsOfTraceId) return undefined;
  const traceId = isShort ? shortTraceIdAt(traceText, 0) : traceIdAt(traceText, 0);
  const spanId = spanIdOf(spanText);
  if (traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, sampled, isRandom: false, isShort, isDebug };
}

const spanIdOf = (text: string): SpanId | undefined => (text.length === digitsOfSpanId ? spanIdAt(text, 0) : undefined);
