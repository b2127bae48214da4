import { Field, marksOfAll } from '../field.ts';
import type { OutputBuffer } from '../output-buffer.ts';
import type { Building, RequestHead, ResponseHead } from '../stream.ts';
import { isAuthority, targetByte, valueByte } from '../syntax.ts';
import type { HpackEncoder } from './hpack/encoder.ts';

/** A message that breaks RFC 9113 section 8: its stream is reset, the connection lives on. */
export class MalformedMessage extends Error {}

const connectionFields = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** Turns a request's fields into a head (sections 8.2 and 8.3). Throws MalformedMessage. */
export function requestHead(fields: readonly Field[]): RequestHead {
  const head: Building<RequestHead> = {
    method: '',
    scheme: '',
    authority: '',
    path: '',
    contentLength: -1,
    upgrade: undefined,
    absoluteForm: false,
    fields: [],
    marks: 0,
  };
  let seen = 0;
  let at = 0;
  for (; at < fields.length && fields[at].name.charCodeAt(0) === 0x3a; at++) {
    const field = fields[at];
    const { name, value } = field;
    if (!field.validHttp2) {
      if (!isValidPseudoField(name, value)) throw new MalformedMessage('invalid pseudo-header field');
      if (field.interned) field.validHttp2 = true;
    }
    let bit: number;
    if (name === ':method') {
      bit = 1;
      head.method = value;
    } else if (name === ':scheme') {
      bit = 2;
      head.scheme = value;
    } else if (name === ':path') {
      bit = 4;
      head.path = value;
    } else if (name === ':authority') {
      bit = 8;
      head.authority = value;
    } else if (name === ':protocol') {
      bit = 16;
      head.upgrade = value;
    } else throw new MalformedMessage('unknown pseudo-header field');
    if ((seen & bit) !== 0) throw new MalformedMessage('repeated pseudo-header field');
    seen |= bit;
  }
  const plainConnect = head.method === 'CONNECT' && head.upgrade === undefined;
  if (plainConnect ? seen !== 9 : (seen & 7) !== 7)
    throw new MalformedMessage('pseudo-header fields missing or out of place');
  if (!plainConnect) {
    const { path, method } = head;
    if (path.charCodeAt(0) !== 0x2f && (path !== '*' || method !== 'OPTIONS'))
      throw new MalformedMessage('invalid :path');
    if (head.upgrade !== undefined && method !== 'CONNECT') throw new MalformedMessage(':protocol without CONNECT');
  } else if (!/:\d{1,5}$/.test(head.authority)) throw new MalformedMessage('CONNECT without a port');
  let host: string | undefined;
  let cookieAt = -1;
  for (; at < fields.length; at++) {
    const field = fields[at];
    checkField(field);
    if (field.name === 'content-length') head.contentLength = contentLength(field.value, head.contentLength);
    else if (field.name === 'host') {
      if (host !== undefined) throw new MalformedMessage('repeated host');
      // Between proxies it stands beside :authority, which has been checked.
      const isChecked = head.authority !== '' && field.value === head.authority;
      if (!isChecked && !isAuthority(field.value)) throw new MalformedMessage('invalid host');
      host = field.value;
    } else if (field.name === 'cookie') {
      // Cookies may be cut into crumbs, which other versions do not know (section 8.2.3).
      if (cookieAt < 0) cookieAt = head.fields.push(field) - 1;
      else head.fields[cookieAt] = new Field('cookie', `${head.fields[cookieAt].value}; ${field.value}`, true);
    } else if (field.name === 'te') head.fields.push(trailersTaken(field));
    else head.fields.push(field);
  }
  if (host !== undefined) {
    if (head.authority === '') head.authority = host;
    else if (host !== head.authority && !sameAuthority(host, head.authority, head.scheme))
      throw new MalformedMessage('host differs from :authority');
  }
  if (plainConnect && head.contentLength > 0) throw new MalformedMessage('CONNECT with a body');
  head.marks = marksOfAll(head.fields);
  return head;
}

/** Turns a response's fields into a head. Throws MalformedMessage. */
export function responseHead(fields: readonly Field[]): ResponseHead {
  const status = fields.length > 0 && fields[0].name === ':status' ? statusOf(fields[0].value) : 0;
  if (status < 100) throw new MalformedMessage('no valid :status');
  const head: Building<ResponseHead> = { status, contentLength: -1, upgrade: undefined, fields: [], marks: 0 };
  for (let at = 1; at < fields.length; at++) {
    const field = fields[at];
    checkField(field);
    if (field.name === 'content-length') head.contentLength = contentLength(field.value, head.contentLength);
    else head.fields.push(field);
  }
  if (isBodiless(status)) {
    if (head.contentLength > 0) throw new MalformedMessage('length of a response that has no body');
    head.contentLength = -1;
  }
  head.marks = marksOfAll(head.fields);
  return head;
}

/**
 * Checks trailers, which have no pseudo-header fields and must not frame or route (RFC 9110 section 6.5.1). Returns those
 * that go on.
 */
export function trailersOf(fields: readonly Field[]): readonly Field[] {
  let ofThisHop = false;
  for (const field of fields) {
    checkField(field);
    if (field.name === 'content-length' || field.name === 'host')
      throw new MalformedMessage('framing field in trailers');
    if (field.name === 'te') ofThisHop = true;
  }
  return ofThisHop ? fields.filter(({ name }) => name !== 'te') : fields;
}

export function encodeRequest(
  out: OutputBuffer,
  encoder: HpackEncoder,
  pseudo: PseudoFields,
  head: RequestHead,
  extra: readonly Field[] | undefined,
): void {
  encoder.begin(out);
  encoder.field(out, pseudo.method.get(head.method));
  if (head.method !== 'CONNECT' || head.upgrade !== undefined) {
    if (head.upgrade !== undefined) encoder.field(out, pseudo.protocol.get(head.upgrade));
    encoder.field(out, pseudo.scheme.get(head.scheme));
    encoder.field(out, pseudo.path.get(head.path));
  }
  if (head.authority !== '') encoder.field(out, pseudo.authority.get(head.authority));
  encodeFields(out, encoder, head.fields);
  if (extra !== undefined) encodeFields(out, encoder, extra);
  if (head.contentLength >= 0) encoder.field(out, pseudo.contentLength.get(String(head.contentLength)));
}

export function encodeResponse(
  out: OutputBuffer,
  encoder: HpackEncoder,
  pseudo: PseudoFields,
  head: ResponseHead,
): void {
  encoder.begin(out);
  // HTTP/2 has no 101: an extended CONNECT is accepted with 200 (RFC 8441 section 5).
  encoder.field(out, pseudo.status.get(String(head.status === 101 ? 200 : head.status)));
  encodeFields(out, encoder, head.fields);
  if (head.contentLength >= 0 && !isBodiless(head.status))
    encoder.field(out, pseudo.contentLength.get(String(head.contentLength)));
}

export function encodeFields(out: OutputBuffer, encoder: HpackEncoder, fields: readonly Field[]): void {
  for (let i = 0; i < fields.length; i++) encoder.field(out, fields[i]);
}

const longestKeptValue = 256;

/**
 * Fields of one name for what a head keeps as strings. One is marked as interned, and so indexed, when it comes a second
 * time. The table is direct-mapped, so that a value which comes once, as many paths do, costs it one slot and no more.
 */
class FieldsOf {
  private readonly name: string;
  private readonly slotCount: number;
  private slots: (Field | undefined)[] | undefined = undefined;
  private last: Field;

  /** `slotCount` is a power of two. */
  constructor(name: string, slotCount: number) {
    this.name = name;
    this.slotCount = slotCount;
    this.last = new Field(name, '');
  }

  get(value: string): Field {
    // Messages of one connection are much alike.
    if (this.last.value === value) {
      this.last.interned = true;
      return this.last;
    }
    // What is long is kept by no table: many of them would be megabytes.
    if (value.length > longestKeptValue) return new Field(this.name, value);
    this.slots ??= new Array(this.slotCount).fill(undefined);
    const slot = hashOf(value) & (this.slotCount - 1);
    let field = this.slots[slot];
    if (field !== undefined && field.value === value) field.interned = true;
    else {
      field = new Field(this.name, value);
      this.slots[slot] = field;
    }
    this.last = field;
    return field;
  }
}

function hashOf(value: string): number {
  let hash = value.length;
  for (let i = 0; i < value.length; i++) hash = Math.imul(hash ^ value.charCodeAt(i), 0x01000193);
  return hash ^ (hash >>> 15);
}

/** What a connection's heads keep as strings, as fields. */
export class PseudoFields {
  readonly method = new FieldsOf(':method', 16);
  readonly scheme = new FieldsOf(':scheme', 4);
  readonly path = new FieldsOf(':path', 512);
  readonly authority = new FieldsOf(':authority', 64);
  readonly protocol = new FieldsOf(':protocol', 4);
  readonly status = new FieldsOf(':status', 32);
  readonly contentLength = new FieldsOf('content-length', 64);
}

/** Interned fields are checked once. */
function checkField(field: Field): void {
  if (field.validHttp2) return;
  const { name, value } = field;
  if (!isLowerToken(name)) throw new MalformedMessage('invalid field name');
  if (connectionFields.has(name)) throw new MalformedMessage('connection-specific field');
  for (let i = 0; i < value.length; i++) {
    // Stricter than section 8.2.1, and as strict as the HTTP/1 that the message may go on in.
    if (valueByte[value.charCodeAt(i)] !== 1) throw new MalformedMessage('control character in a field value');
  }
  if (value.length > 0 && (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1)))) {
    throw new MalformedMessage('white space around a field value');
  }
  if (field.interned) field.validHttp2 = true;
}

/** Of these no length may be told (RFC 9110 section 8.6). */
const isBodiless = (status: number): boolean => status < 200 || status === 204;

/** The number of a three-digit status, 0 when it is none. */
function statusOf(text: string): number {
  let status = 0;
  for (let i = 0; i < 3; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return 0;
    status = status * 10 + digit;
  }
  return text.length === 3 ? status : 0;
}

const teTrailers = new Field('te', 'trailers');

/** `te: trailers` in the one spelling that every reader takes. */
function trailersTaken(field: Field): Field {
  if (field.value === 'trailers') return field;
  if (field.value.toLowerCase() === 'trailers') return teTrailers;
  throw new MalformedMessage('te other than trailers');
}

/** Names have no case, and a scheme's own port need not be told (RFC 9110 section 4.2.3). */
function sameAuthority(a: string, b: string, scheme: string): boolean {
  const port = scheme === 'https' ? ':443' : ':80';
  const plain = (authority: string): string => {
    const lower = authority.toLowerCase();
    return lower.endsWith(port) ? lower.slice(0, -port.length) : lower;
  };
  return plain(a) === plain(b);
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;
const isToken = (text: string): boolean => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
const isScheme = (text: string): boolean => /^[a-zA-Z][a-zA-Z0-9+\-.]*$/.test(text);
const isLowerToken = (text: string): boolean => /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(text);

/** What an HTTP/1 request line or `Host` may hold, for any of them may be written into one. */
function isValidPseudoField(name: string, value: string): boolean {
  switch (name) {
    case ':path':
      for (let i = 0; i < value.length; i++) if (targetByte[value.charCodeAt(i)] !== 1) return false;
      return value.length > 0;
    case ':authority':
      return isAuthority(value);
    case ':scheme':
      return isScheme(value);
    default:
      return isToken(value);
  }
}

function contentLength(value: string, known: number): number {
  if (!/^\d{1,15}$/.test(value) || known >= 0) throw new MalformedMessage('invalid content-length');
  return Number(value);
}
