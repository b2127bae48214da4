import { Field } from '../../wire/field.ts';
import { latin1 } from '../../wire/latin1.ts';
import { hexValues, isHex, spanIdAt, traceIdAt, writeSpanDigits, writeTraceDigits } from './ids.ts';
import type { SentContext, SpanContext } from './span-context.ts';

const sampledFlag = 1;
/** The trace's id is random (W3C Trace Context level 2): it stays so. */
const randomFlag = 2;

const dash = 0x2d;

/** Version, ids, flags and the marks between them. */
const length = 2 + 1 + 32 + 1 + 16 + 1 + 2;
/** More of a future version than anybody would write. */
const longest = 512;

/** The value of `traceparent` (W3C Trace Context section 3.2); undefined when it is none. */
export function readTraceparent(value: string): SpanContext | undefined {
  if (value.length < length || value.length > longest) return undefined;
  if (value.charCodeAt(2) !== dash || value.charCodeAt(35) !== dash || value.charCodeAt(52) !== dash) return undefined;
  if (!isHex(value, 0, 2) || !isHex(value, 53, 55) || value.startsWith('ff')) return undefined;
  // Versions to come may say more behind another mark; this one may not.
  if (value.length > length && (value.startsWith('00') || value.charCodeAt(length) !== dash)) return undefined;
  const traceId = traceIdAt(value, 3);
  const spanId = spanIdAt(value, 36);
  if (traceId === undefined || spanId === undefined) return undefined;
  // The flags that are known stand in the last digit.
  const flags = hexValues[value.charCodeAt(54)];
  return {
    traceId,
    spanId,
    sampled: (flags & sampledFlag) !== 0,
    isRandom: (flags & randomFlag) !== 0,
    isShort: false,
    isDebug: false,
  };
}

const zero = 0x30;

/** All of it is written anew but what stands between the ids: a text that is put together of others costs more. */
const written = Buffer.from(`00-${'0'.repeat(32)}-${'0'.repeat(16)}-00`, 'latin1');

export function traceparent({ traceId, spanId, sampled, isRandom }: SentContext): Field {
  writeTraceDigits(written, 3, traceId);
  writeSpanDigits(written, 36, spanId);
  written[54] = zero + (sampled ? sampledFlag : 0) + (isRandom ? randomFlag : 0);
  return new Field('traceparent', latin1(written, 0, length));
}

const mostMembers = 32;
/** Who passes it on should pass on so much (section 3.3.1.5). */
const longestState = 512;
const key = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
/** No space ends it: what is around a member is taken off before. */
const stateValue = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}$/;

/**
 * What `tracestate` fields say together, as a span shows it; empty when they break a rule (section 3.3) or say more than
 * has to be kept. They go on as they came.
 */
export function tracestate(values: readonly string[]): string {
  let length = 0;
  for (const value of values) length += value.length;
  if (length > 2 * longestState) return '';
  const members = values
    .flatMap((value) => value.split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '');
  const keys = new Set<string>();
  for (const text of members) {
    const at = text.indexOf('=');
    if (at < 0 || !key.test(text.slice(0, at)) || !stateValue.test(text.slice(at + 1))) return '';
    keys.add(text.slice(0, at));
  }
  if (members.length > mostMembers || keys.size < members.length) return '';
  const state = members.join(',');
  return state.length > longestState ? '' : state;
}
