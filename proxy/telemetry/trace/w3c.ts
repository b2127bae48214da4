import { Field } from '../../wire/field.ts';
import { isHex, isId } from './ids.ts';
import type { SpanContext } from './span-context.ts';

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
  if (!isId(value, 3, 35) || !isId(value, 36, 52)) return undefined;
  // The flags that are known stand in the last digit.
  const flags = Number.parseInt(value[54], 16);
  return {
    traceId: value.slice(3, 35),
    spanId: value.slice(36, 52),
    sampled: (flags & sampledFlag) !== 0,
    isRandom: (flags & randomFlag) !== 0,
    isShort: false,
    isDebug: false,
  };
}

export const traceparent = ({ traceId, spanId, sampled, isRandom }: SpanContext): Field =>
  new Field('traceparent', `00-${traceId}-${spanId}-0${(sampled ? sampledFlag : 0) + (isRandom ? randomFlag : 0)}`);

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
