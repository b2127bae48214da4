import { headListBytes, meshFieldBytes, pathBytes } from './limits.ts';

/** Character classes of RFC 9110 section 5.6 and RFC 9112, as tables: one look-up a byte. */

const table = (accepts: (byte: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => (accepts(byte) ? 1 : 0));

const isAlphaNumeric = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);

/** `tchar`: what methods and field names are made of. */
export const tokenByte = table((byte) => isAlphaNumeric(byte) || "!#$%&'*+-.^_`|~".includes(String.fromCharCode(byte)));

/** Field values: visible characters, space, tab and obs-text; no control character. */
export const valueByte = table((byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f));

/** Request targets: visible ASCII, and no fragment, which some would cut off and others take for part of the path. */
export const targetByte = table((byte) => byte > 0x20 && byte < 0x7f && byte !== 0x23);

/** Host and port: what an authority may hold, without user information. */
export const authorityByte = table(
  (byte) => isAlphaNumeric(byte) || "-._~%!$&'()*+,;=:[]".includes(String.fromCharCode(byte)),
);

const longestAuthority = 512;
const highestPort = 65_535;

/**
 * Host and optional port (RFC 3986 section 3.2) without user information, possibly empty. A colon without a port is
 * refused though that section allows it: clients of note send none, and not everybody reads it as the scheme's port.
 */
export function isAuthority(text: string): boolean {
  const { length } = text;
  if (length > longestAuthority) return false;
  const literal = text.charCodeAt(0) === 0x5b;
  let at = literal ? 1 : 0;
  for (; at < length; at++) {
    const byte = text.charCodeAt(at);
    if (authorityByte[byte] !== 1 || byte === 0x5b) return false;
    if (byte === 0x5d || (byte === COLON && !literal)) break;
  }
  if (literal) {
    if (text.charCodeAt(at) !== 0x5d || at === 1) return false;
    at++;
  } else if (at === 0 && length > 0) return false;
  return at === length || isPort(text, at);
}

/** Whether `text` goes on from `at` with a colon and a port to its end. */
function isPort(text: string, at: number): boolean {
  if (text.charCodeAt(at) !== COLON || text.length === at + 1 || text.length > at + 6) return false;
  let port = 0;
  for (let i = at + 1; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= highestPort;
}

/** Empty lines that are read past before a request. */
export const mostEmptyLines = 4;
export const CR = 0x0d;
export const LF = 0x0a;
export const SP = 0x20;
export const TAB = 0x09;
export const COLON = 0x3a;

/** A message that breaks the syntax. `status` is the response to a request that does; `reason` names the rule. */
export class Http1Error extends Error {
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.name = 'Http1Error';
    this.status = status;
  }
}

export interface HeadLimits {
  /** Start line and fields together, as they come. */
  headBytes: number;
  /** The same as HTTP/2 counts them (see limits.ts). */
  listBytes: number;
  /** A request's path with its query. */
  pathBytes: number;
}

export const defaultHeadLimits: HeadLimits = {
  headBytes: headListBytes,
  listBytes: headListBytes - meshFieldBytes,
  pathBytes,
};

/**
 * Finds the end of a head: the index behind its empty line, or -1 when it is not complete. `from` is where to go on,
 * the start of a line. Throws on a line feed without its carriage return, so that no bare LF can wait for more.
 */
export function headEnd(bytes: Uint8Array, from: number, length: number): number {
  let lineStart = from;
  for (;;) {
    const lf = bytes.indexOf(LF, lineStart);
    if (lf < 0 || lf >= length) return -1;
    if (lf === lineStart || bytes[lf - 1] !== CR) throw new Http1Error(400, 'line feed without carriage return');
    if (lf - 1 === lineStart) return lf + 1;
    lineStart = lf + 1;
  }
}

/** Start of the last line that begins within `bytes[from, length)`: where `headEnd` goes on when more has come. */
export function lastLineStart(bytes: Uint8Array, from: number, length: number): number {
  const lf = bytes.subarray(0, length).lastIndexOf(LF);
  return lf < from ? from : lf + 1;
}
