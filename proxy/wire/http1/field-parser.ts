import { Field, FieldMark } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { fieldOverheadBytes, meshFieldBytes } from '../limits.ts';
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

/** What HTTP/2 calls `te`, written as it must be there (RFC 9113 section 8.2.2). */
const teTrailers = new Field('te', 'trailers');
teTrailers.interned = true;

/** Which part of a message fields stand in. */
export type Section = 'request' | 'response' | 'trailers' | 'response trailers';

/**
 * Parses the fields at `bytes[start, end)`, empty line included: those that go on into `fields`. `listBytes` is what the
 * start line counts already (see limits.ts).
 */
export function parseFields(
  bytes: Uint8Array,
  start: number,
  end: number,
  section: Section,
  minorVersion: 0 | 1,
  listBytes: number,
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
  const isResponse = section === 'response' || section === 'response trailers';
  let connection: string[] | undefined;
  let meshBytes = 0;
  let trailersTaken = false;
  let at = start;
  while (bytes[at] !== CR) {
    const nameStart = at;
    while (tokenByte[bytes[at]] === 1) at++;
    const nameEnd = at;
    if (nameEnd === nameStart) throw new Http1Error(400, 'invalid field name or folded line');
    // A response's field is passed on without it; in a request it is how smuggling begins (RFC 9112 section 5.1).
    if (isResponse) while (bytes[at] === SP || bytes[at] === TAB) at++;
    if (bytes[at] !== COLON) throw new Http1Error(400, 'no colon right behind a field name');
    at++;
    while (bytes[at] === SP || bytes[at] === TAB) at++;
    const valueStart = at;
    while (valueByte[bytes[at]] === 1) at++;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) throw new Http1Error(400, 'control character in a field value');
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === TAB)) valueEnd--;
    at += 2;
    const fieldBytes = nameEnd - nameStart + valueEnd - valueStart + fieldOverheadBytes;
    const field = table.get(bytes, nameStart, nameEnd, valueStart, valueEnd);
    // What the proxy before this one has added is not held against its client.
    if ((field.marks & FieldMark.mesh) === 0) listBytes += fieldBytes;
    else meshBytes += fieldBytes;
    if (listBytes > limits.listBytes || meshBytes > meshFieldBytes)
      throw new Http1Error(431, 'header fields too large');
    if (!takeHopField(field, hop, section)) fields.push(field);
    else if (field.name === 'connection') {
      connection ??= [];
      connection.push(...listOf(field.value));
    } else if (field.name === 'te' && !trailersTaken && section === 'request' && takesTrailers(field.value)) {
      trailersTaken = true;
      fields.push(teTrailers);
    }
  }
  if (at + 2 !== end) throw new Http1Error(400, 'bytes behind the head');
  if (connection !== undefined) applyConnection(connection, hop, fields, section);
  else hop.upgrade = undefined;
  return hop;
}

/** Whether a `TE` has `trailers` among its members (RFC 9110 section 10.1.4). */
function takesTrailers(value: string): boolean {
  return value === 'trailers' || listOf(value).some((member) => /^trailers\s*(;|$)/.test(member));
}

/** Takes what belongs to this hop. Returns false for a field that goes on. */
function takeHopField(field: Field, hop: HopFields, section: Section): boolean {
  switch (field.name) {
    case 'host':
      // In a response it says nothing: some servers send back what they were sent.
      if (section === 'response') return false;
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
    case 'expect':
      // What else may be expected is between the ends; an HTTP/1.0 client expects nothing (RFC 9110 section 10.1.1).
      if (hop.minorVersion === 1 && listOf(field.value).includes('100-continue')) hop.expectContinue = true;
      return false;
    case 'connection':
    case 'keep-alive':
    case 'proxy-connection':
    case 'http2-settings':
    case 'te':
      return true;
    default:
      return false;
  }
}

function applyConnection(options: string[], hop: HopFields, fields: Field[], section: Section): void {
  let upgrade = false;
  let named: Set<string> | undefined;
  for (const option of options) {
    if (option === 'close') hop.close = true;
    else if (option === 'keep-alive') hop.keepAlive = true;
    else if (option === 'upgrade') upgrade = true;
    else if (option !== 'te' && !endToEnd.has(option)) {
      named ??= new Set();
      named.add(option);
    }
  }
  if (named !== undefined) {
    let kept = 0;
    for (const field of fields) if (!named.has(field.name)) fields[kept++] = field;
    fields.length = kept;
  }
  if (hop.minorVersion === 0 && hop.keepAlive && !options.includes('close')) hop.close = false;
  if (!upgrade || hop.minorVersion === 0) hop.upgrade = undefined;
  else if (hop.upgrade !== undefined && section === 'request') hop.upgrade = withoutHttp(hop.upgrade);
}

/**
 * The protocols of a request's `Upgrade` without those that carry HTTP again: behind them requests would pass that nobody
 * reads. HTTP/2's cleartext upgrade is obsolete (RFC 9113 section 3.1), and so is that to TLS (RFC 2817): such a request
 * goes on without it.
 */
function withoutHttp(upgrade: string): string | undefined {
  if (!carriesHttp.test(upgrade)) return upgrade;
  const kept = upgrade.split(',').filter((protocol) => !carriesHttp.test(protocol));
  return kept.every((protocol) => protocol.trim() === '') ? undefined : kept.join(',').trim();
}

/** Names of protocols, with their versions or without. */
const carriesHttp = /(^|,)\s*(h2c?|https?|tls|ssl)\s*(\/|,|$)/i;

const listOf = (value: string): string[] =>
  value
    .split(',')
    .map((option) => option.trim().toLowerCase())
    .filter((option) => option !== '');
