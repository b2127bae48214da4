import { type Field, marksOfAll } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { latin1 } from '../latin1.ts';
import type { Building, RequestHead, ResponseHead } from '../stream.ts';
import {
  COLON,
  CR,
  type HeadLimits,
  Http1Error,
  isAuthority,
  LF,
  SP,
  TAB,
  targetByte,
  tokenByte,
  valueByte,
} from '../syntax.ts';

/** How a message's body is delimited (RFC 9112 section 6). */
export type Framing = 'none' | 'sized' | 'chunked' | 'until-close';

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

export interface ParsedRequest {
  head: Building<RequestHead>;
  hop: HopFields;
}

export interface ParsedResponse {
  head: Building<ResponseHead>;
  hop: HopFields;
}

const methods = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS', 'CONNECT', 'TRACE'];

/** Fields that frame or route the message: `Connection` must not take them off. */
const endToEnd = new Set(['host', 'content-length', 'authorization', 'cookie', 'set-cookie', 'content-type']);

/**
 * Parses a complete request head, `bytes[start, end)` as `headEnd` delimits it. Strict: whatever two parsers could
 * read differently is refused (RFC 9112 sections 2.2, 5.1, 6.3 and 11.2), never repaired.
 */
export function parseRequestHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  scheme: string,
  table: FieldTable,
  limits: HeadLimits,
): ParsedRequest {
  let at = start;
  while (tokenByte[bytes[at]] === 1) at++;
  if (at === start || bytes[at] !== SP) throw new Http1Error(400, 'invalid method');
  const method = methodAt(bytes, start, at);

  const targetStart = at + 1;
  at = targetStart;
  while (targetByte[bytes[at]] === 1) at++;
  const targetEnd = at;
  if (targetEnd - targetStart > limits.targetBytes) throw new Http1Error(414, 'request target too long');
  if (targetEnd === targetStart || bytes[at] !== SP) throw new Http1Error(400, 'invalid request target');
  const minorVersion = versionAt(bytes, at + 1);
  at += 9;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) throw new Http1Error(400, 'invalid request line');

  const fields: Field[] = [];
  const hop = parseFields(bytes, at + 2, end, minorVersion, table, limits, fields);
  if (hop.host === undefined && minorVersion === 1) throw new Http1Error(400, 'no Host');
  if (hop.chunked && hop.contentLength >= 0) throw new Http1Error(400, 'Content-Length beside Transfer-Encoding');

  const head: Building<RequestHead> = {
    method,
    scheme,
    authority: hop.host ?? '',
    path: '',
    contentLength: hop.contentLength,
    upgrade: hop.upgrade,
    absoluteForm: false,
    fields,
    marks: marksOfAll(fields),
  };
  if (method === 'CONNECT') {
    if (hop.chunked || hop.contentLength > 0) throw new Http1Error(400, 'CONNECT with a body');
    head.authority = authorityAt(bytes, targetStart, targetEnd);
    if (!/:\d{1,5}$/.test(head.authority)) throw new Http1Error(400, 'CONNECT without a port');
    head.upgrade = undefined;
  } else if (bytes[targetStart] === 0x2f) {
    head.path = latin1(bytes, targetStart, targetEnd);
  } else if (targetEnd - targetStart === 1 && bytes[targetStart] === 0x2a) {
    if (method !== 'OPTIONS') throw new Http1Error(400, 'asterisk-form is for OPTIONS');
    head.path = '*';
  } else {
    absoluteForm(bytes, targetStart, targetEnd, head);
  }
  return { head, hop };
}

/** Parses a complete response head, `bytes[start, end)` as `headEnd` delimits it, as strictly as a request's. */
export function parseResponseHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: FieldTable,
  limits: HeadLimits,
): ParsedResponse {
  const minorVersion = versionAt(bytes, start);
  let at = start + 8;
  const status = (bytes[at + 1] - 0x30) * 100 + (bytes[at + 2] - 0x30) * 10 + (bytes[at + 3] - 0x30);
  if (
    bytes[at] !== SP ||
    !isDigit(bytes[at + 1]) ||
    !isDigit(bytes[at + 2]) ||
    !isDigit(bytes[at + 3]) ||
    status < 100
  ) {
    throw new Http1Error(502, 'invalid status');
  }
  at += 4;
  if (bytes[at] === SP) {
    at++;
    while (valueByte[bytes[at]] === 1) at++;
  }
  if (bytes[at] !== CR || bytes[at + 1] !== LF) throw new Http1Error(502, 'invalid status line');
  const fields: Field[] = [];
  const hop = parseFields(bytes, at + 2, end, minorVersion, table, limits, fields);
  if (hop.chunked && hop.contentLength >= 0) throw new Http1Error(502, 'Content-Length beside Transfer-Encoding');
  const marks = marksOfAll(fields);
  return { head: { status, contentLength: hop.contentLength, upgrade: hop.upgrade, fields, marks }, hop };
}

/** Parses the trailer section `bytes[start, end)`, empty line included; framing fields in it are refused. */
export function parseTrailers(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: FieldTable,
  limits: HeadLimits,
): Field[] {
  const fields: Field[] = [];
  const hop = parseFields(bytes, start, end, 1, table, limits, fields);
  if (hop.chunked || hop.contentLength >= 0 || hop.host !== undefined)
    throw new Http1Error(400, 'framing field in trailers');
  return fields;
}

function parseFields(
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

function methodAt(bytes: Uint8Array, start: number, end: number): string {
  for (const method of methods) {
    if (method.length !== end - start) continue;
    let i = 0;
    while (i < method.length && method.charCodeAt(i) === bytes[start + i]) i++;
    if (i === method.length) return method;
  }
  return latin1(bytes, start, end);
}

function versionAt(bytes: Uint8Array, at: number): 0 | 1 {
  const isHttp =
    bytes[at] === 0x48 &&
    bytes[at + 1] === 0x54 &&
    bytes[at + 2] === 0x54 &&
    bytes[at + 3] === 0x50 &&
    bytes[at + 4] === 0x2f;
  if (!isHttp || !isDigit(bytes[at + 5]) || bytes[at + 6] !== 0x2e || !isDigit(bytes[at + 7]))
    throw new Http1Error(400, 'invalid HTTP version');
  const minor = bytes[at + 7] - 0x30;
  if (bytes[at + 5] !== 0x31 || minor > 1) throw new Http1Error(505, 'unsupported HTTP version');
  return minor as 0 | 1;
}

function absoluteForm(bytes: Uint8Array, start: number, end: number, head: Building<RequestHead>): void {
  const target = latin1(bytes, start, end);
  const match = /^(https?):\/\/([^/?]+)(.*)$/i.exec(target);
  if (match === null) throw new Http1Error(400, 'invalid request target');
  const [, scheme, authority, rest] = match;
  if (!isAuthority(authority)) throw new Http1Error(400, 'invalid authority in request target');
  head.scheme = scheme.toLowerCase();
  head.authority = authority;
  head.path = rest === '' ? (head.method === 'OPTIONS' ? '*' : '/') : rest.startsWith('/') ? rest : `/${rest}`;
  head.absoluteForm = true;
}

function authorityAt(bytes: Uint8Array, start: number, end: number): string {
  const authority = latin1(bytes, start, end);
  if (!isAuthority(authority)) throw new Http1Error(400, 'invalid authority');
  return authority;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
