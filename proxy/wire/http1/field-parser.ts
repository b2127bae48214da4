import type { Field } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { COLON, CR, type HeadLimits, Http1Error, isAuthority, LF, SP, TAB, tokenByte, valueByte } from '../syntax.ts';

/** What a head says of its own connection. */
export interface HopFields {
  minorVersion: 0 | 1;
  chunked: boolean;
  /** -1 when there is none. */
  contentLength: number;
  close: boolean;
  keepAlive: boolean;
  /** `Upgrade`, when `Connection` names it. */
  upgrade: string | undefined;
  host: string | undefined;
  expectContinue: boolean;
}

/** Fields that frame or route the message: `Connection` must not take them off. */
const endToEnd = new Set(['host', 'content-length', 'authorization', 'cookie', 'set-cookie', 'content-type']);

/** Parses the fields at `bytes[start, end)`, empty line included: those that go on into `fields`. */
export function parseFields(
  bytes: Uint8Array,
  start: number,
  end: number,
  minorVersion: 0 | 1,
  table: FieldTable,
  limits: HeadLimits,
  fields: Field[],
): HopFields {
  const hop: HopFields = {
    minorVersion,
    chunked: false,
    contentLength: -1,
    close: minorVersion === 0,
    keepAlive: false,
    upgrade: undefined,
    host: undefined,
    expectContinue: false,
  };
  let connection: string[] | undefined;
  let count = 0;
  let at = start;
  while (bytes[at] !== CR) {
    if (++count > limits.fields) throw new Http1Error(431, 'too many header fields');
    const nameStart = at;
    while (tokenByte[bytes[at]] === 1) at++;
    const nameEnd = at;
    if (nameEnd === nameStart) throw new Http1Error(400, 'invalid field name or folded line');
    if (bytes[at] !== COLON) throw new Http1Error(400, 'no colon right behind a field name');
    at++;
    while (bytes[at] === SP || bytes[at] === TAB) at++;
    const valueStart = at;
    while (valueByte[bytes[at]] === 1) at++;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) throw new Http1Error(400, 'control character in a field value');
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === TAB)) valueEnd--;
    at += 2;

    const field = table.get(bytes, nameStart, nameEnd, valueStart, valueEnd);
    if (!takeHopField(field, hop)) fields.push(field);
    else if (field.name === 'connection') {
      connection ??= [];
      connection.push(...listOf(field.value));
    }
  }
  if (at + 2 !== end) throw new Http1Error(400, 'bytes behind the head');
  if (connection !== undefined) applyConnection(connection, hop, fields);
  else hop.upgrade = undefined;
  return hop;
}

/** Takes what belongs to this hop. Returns false for a field that goes on. */
function takeHopField(field: Field, hop: HopFields): boolean {
  switch (field.name) {
    case 'host':
      if (hop.host !== undefined) throw new Http1Error(400, 'more than one Host');
      if (!isAuthority(field.value)) throw new Http1Error(400, 'invalid Host');
      hop.host = field.value;
      return true;
    case 'content-length': {
      if (hop.contentLength >= 0) throw new Http1Error(400, 'more than one Content-Length');
      if (!/^\d{1,15}$/.test(field.value)) throw new Http1Error(400, 'invalid Content-Length');
      hop.contentLength = Number(field.value);
      return true;
    }
    case 'transfer-encoding':
      if (hop.minorVersion === 0) throw new Http1Error(400, 'Transfer-Encoding in HTTP/1.0');
      if (hop.chunked) throw new Http1Error(400, 'more than one Transfer-Encoding');
      if (field.value.toLowerCase() !== 'chunked') {
        // A coding that is a token we do not know is 501 (RFC 9112 section 6.1); anything else is malformed.
        throw new Http1Error(/^[a-z]+$/i.test(field.value) ? 501 : 400, 'Transfer-Encoding is not chunked');
      }
      hop.chunked = true;
      return true;
    case 'upgrade':
      hop.upgrade = hop.upgrade === undefined ? field.value : `${hop.upgrade}, ${field.value}`;
      return true;
    case 'te':
      return field.value.toLowerCase() !== 'trailers';
    case 'expect':
      hop.expectContinue = field.value.toLowerCase() === '100-continue';
      return false;
    case 'connection':
    case 'keep-alive':
    case 'proxy-connection':
    case 'http2-settings':
      return true;
    default:
      return false;
  }
}

function applyConnection(options: string[], hop: HopFields, fields: Field[]): void {
  let upgrade = false;
  for (const option of options) {
    if (option === 'close') hop.close = true;
    else if (option === 'keep-alive') hop.keepAlive = true;
    else if (option === 'upgrade') upgrade = true;
    else if (option !== 'te' && !endToEnd.has(option)) {
      for (let i = fields.length - 1; i >= 0; i--) if (fields[i].name === option) fields.splice(i, 1);
    }
  }
  if (hop.minorVersion === 0 && hop.keepAlive && !options.includes('close')) hop.close = false;
  // HTTP/2's cleartext upgrade is obsolete (RFC 9113 section 3.1): such a request goes on without it.
  if (!upgrade || hop.minorVersion === 0 || hop.upgrade?.toLowerCase() === 'h2c') hop.upgrade = undefined;
}

const listOf = (value: string): string[] =>
  value
    .split(',')
    .map((option) => option.trim().toLowerCase())
    .filter((option) => option !== '');
