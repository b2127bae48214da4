import { type Field, marksOfAll } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { latin1 } from '../latin1.ts';
import { fieldOverheadBytes } from '../limits.ts';
import type { Building, RequestHead, ResponseHead } from '../stream.ts';
import { CR, type HeadLimits, Http1Error, isAuthority, LF, SP, targetByte, tokenByte, valueByte } from '../syntax.ts';
import { type HopFields, parseFields } from './field-parser.ts';

export interface ParsedRequest {
  head: Building<RequestHead>;
  hop: HopFields;
}

export interface ParsedResponse {
  head: Building<ResponseHead>;
  hop: HopFields;
}

/** What a start line counts in HTTP/2 beyond what it says: the pseudo-header fields that it becomes. */
const requestLineBytes =
  ':method:scheme:pathhttps'.length + 3 * fieldOverheadBytes + ':authority'.length - 'host'.length;
const statusLineBytes = ':status200'.length + fieldOverheadBytes;
/** What stands before the path in absolute-form, or instead of it in authority-form. */
const longestOrigin = 'https://'.length + 512;

const methods = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS', 'CONNECT', 'TRACE'];

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
  const originForm = bytes[targetStart] === 0x2f;
  if (targetEnd - targetStart > limits.pathBytes + (originForm ? 0 : longestOrigin))
    throw new Http1Error(414, 'request target too long');
  if (targetEnd === targetStart || bytes[at] !== SP) throw new Http1Error(400, 'invalid request target');
  const minorVersion = versionAt(bytes, at + 1);
  at += 9;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) throw new Http1Error(400, 'invalid request line');

  const fields: Field[] = [];
  const startBytes = requestLineBytes + method.length + targetEnd - targetStart;
  const hop = parseFields(bytes, at + 2, end, 'request', minorVersion, startBytes, table, limits, fields);
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
    if (!/:0*[1-9]\d*$/.test(head.authority)) throw new Http1Error(400, 'CONNECT without a port');
    head.upgrade = undefined;
  } else if (originForm) {
    head.path = latin1(bytes, targetStart, targetEnd);
  } else if (targetEnd - targetStart === 1 && bytes[targetStart] === 0x2a) {
    if (method !== 'OPTIONS') throw new Http1Error(400, 'asterisk-form is for OPTIONS');
    head.path = '*';
  } else {
    absoluteForm(bytes, targetStart, targetEnd, head);
    if (head.path.length > limits.pathBytes) throw new Http1Error(414, 'request target too long');
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
  const hop = parseFields(bytes, at + 2, end, 'response', minorVersion, statusLineBytes, table, limits, fields);
  if (hop.chunked && hop.contentLength >= 0) throw new Http1Error(502, 'Content-Length beside Transfer-Encoding');
  const marks = marksOfAll(fields);
  return { head: { status, contentLength: hop.contentLength, upgrade: hop.upgrade, fields, marks }, hop };
}

/** Parses the trailer section `bytes[start, end)`, empty line included; framing fields in it are refused. */
export function parseTrailers(
  bytes: Uint8Array,
  start: number,
  end: number,
  section: 'trailers' | 'response trailers',
  table: FieldTable,
  limits: HeadLimits,
): Field[] {
  const fields: Field[] = [];
  const hop = parseFields(bytes, start, end, section, 1, 0, table, limits, fields);
  if (hop.chunked || hop.contentLength >= 0 || hop.host !== undefined)
    throw new Http1Error(400, 'framing field in trailers');
  return fields;
}

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
