/** What a field's name says to the stacks, as bits: a head has those of all its fields. */
export const FieldMark = {
  /** `l5d-*`: what proxies tell each other, and every other spelling of such a name that some application may read as one. */
  mesh: 1,
  contentType: 2,
  /** `traceparent`, `tracestate`, `b3`, `x-b3-*`, `grpc-trace-bin`. */
  trace: 4,
  grpcTimeout: 8,
  /** `expect`. */
  expect: 16,
  baggage: 32,
  userAgent: 64,
  /** `x-request-id`, `x-amzn-trace-id`: what a request can be found by, but is no part of a trace by. */
  requestId: 128,
} as const;

/**
 * CGI, WSGI, Rack and PHP name fields by variables, in which `l5d_client_id`, `l5d.client.id` and with some servers any
 * other mark between the letters are what `l5d-client-id` is.
 */
const isSeparator = (code: number): boolean =>
  !(code >= 0x61 && code <= 0x7a) && !(code >= 0x30 && code <= 0x39) && code > 0;

/** The marks of a field name (lower case). */
function marksOf(name: string): number {
  switch (name.charCodeAt(0)) {
    case 0x6c: // l
      return name.startsWith('l5d') && isSeparator(name.charCodeAt(3)) ? FieldMark.mesh : 0;
    case 0x63: // c
      return name === 'content-type' ? FieldMark.contentType : 0;
    case 0x74: // t
      return name === 'traceparent' || name === 'tracestate' ? FieldMark.trace : 0;
    case 0x62: // b
      return name === 'b3' ? FieldMark.trace : name === 'baggage' ? FieldMark.baggage : 0;
    case 0x78: // x
      if (name.startsWith('x-b3-')) return FieldMark.trace;
      return name === 'x-request-id' || name === 'x-amzn-trace-id' ? FieldMark.requestId : 0;
    case 0x67: // g
      return name === 'grpc-timeout' ? FieldMark.grpcTimeout : name === 'grpc-trace-bin' ? FieldMark.trace : 0;
    case 0x75: // u
      return name === 'user-agent' ? FieldMark.userAgent : 0;
    case 0x65: // e
      return name === 'expect' ? FieldMark.expect : 0;
    default:
      return 0;
  }
}

/**
 * One header field of an HTTP message. Names are lower case; values are latin-1, without surrounding white space.
 *
 * A field that comes again and again is one object (see FieldTable), so that a codec may hang what it needs to write it
 * on the object itself and compare by identity.
 */
export class Field {
  readonly name: string;
  readonly value: string;
  /** Written as a never-indexed literal in HPACK and never interned: `authorization`, `cookie`, `set-cookie` and the like. */
  readonly sensitive: boolean;
  /** See FieldMark. */
  readonly marks: number;
  /** True for a field that a FieldTable owns: only then may a codec keep derived bytes on it. */
  interned = false;
  /** Index in HPACK's static table, 0 for none, -1 when it has not been looked up: kept by the encoder on interned fields. */
  hpackStatic = -1;
  /** It keeps the rules of RFC 9113 section 8.2.1: kept by the HTTP/2 reader on interned fields. */
  validHttp2 = false;
  /** `name: value\r\n` in bytes, kept by the HTTP/1 writer on interned fields. */
  line: Uint8Array | undefined = undefined;

  constructor(name: string, value: string, sensitive = false) {
    this.name = name;
    this.value = value;
    this.sensitive = sensitive;
    this.marks = marksOf(name);
  }
}

/** The value of the first field called `name` (lower case), or undefined. */
export function fieldValue(fields: readonly Field[], name: string): string | undefined {
  for (let i = 0; i < fields.length; i++) if (fields[i].name === name) return fields[i].value;
  return undefined;
}

/** The marks of fields together. */
export function marksOfAll(fields: readonly Field[]): number {
  let marks = 0;
  for (let i = 0; i < fields.length; i++) marks |= fields[i].marks;
  return marks;
}
