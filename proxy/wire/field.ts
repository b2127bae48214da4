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
  }
}

/** The value of the first field called `name` (lower case), or undefined. */
export function fieldValue(fields: readonly Field[], name: string): string | undefined {
  for (let i = 0; i < fields.length; i++) if (fields[i].name === name) return fields[i].value;
  return undefined;
}
