import { CR, LF, mostEmptyLines, tokenByte } from '../syntax.ts';

export type Detected = 'http1' | 'http2' | 'opaque' | 'more';

/** The part of HTTP/2's preface that no HTTP/1 request begins with (RFC 9113 section 3.4). */
const prefaceStart = Buffer.from('PRI * HTTP/2.0', 'latin1');
const longestMethod = 32;
/** So much of a request line is waited for to see its end. */
const longestWaited = 4096;

/**
 * Tells HTTP from other protocols by the first bytes the client sends. `final` forces a verdict: no more will come
 * soon. As in Linkerd (linkerd/http/detect), HTTP/1 is what reads like the start of a request line.
 */
export function detectHttp(bytes: Uint8Array, final: boolean): Detected {
  const length = Math.min(bytes.length, prefaceStart.length);
  let i = 0;
  while (i < length && bytes[i] === prefaceStart[i]) i++;
  if (i === prefaceStart.length) return 'http2';
  if (i === length) return final ? 'opaque' : 'more';

  const start = behindEmptyLines(bytes);
  if (start === bytes.length || (start === bytes.length - 1 && bytes[start] === CR)) return final ? 'opaque' : 'more';
  let at = start;
  while (at < bytes.length && tokenByte[bytes[at]] === 1) at++;
  if (at - start > longestMethod || at === start) return 'opaque';
  if (at === bytes.length) return final ? 'opaque' : 'more';
  if (bytes[at] !== 0x20) return 'opaque';
  // A target: path, absolute URI, authority or asterisk; a second token of any other kind is another protocol's.
  const lineEnd = bytes.indexOf(LF, at);
  const target = at + 1;
  if (target >= bytes.length) return final ? 'opaque' : 'more';
  if (bytes[target] <= 0x20 || bytes[target] >= 0x7f) return 'opaque';
  if (lineEnd < 0) {
    if (bytes.length < longestWaited && !final) return 'more';
    // A long target: whether it is too long is for who reads it as HTTP.
    return bytes[target] === 0x2f || isAbsolute(bytes, target) ? 'http1' : 'opaque';
  }
  return isRequestLine(bytes, target, lineEnd) ? 'http1' : 'opaque';
}

/** Where a request line may begin: servers read on past empty lines before it (RFC 9112 section 2.2), and so does ours. */
function behindEmptyLines(bytes: Uint8Array): number {
  let at = 0;
  while (at < 2 * mostEmptyLines && bytes[at] === CR && bytes[at + 1] === LF) at += 2;
  return at;
}

/**
 * Whether a target and ` HTTP/x` are all that stands from `target` to `lineFeed`: a line of a log has more. A path with
 * spaces is one that its client forgot to encode.
 */
function isRequestLine(bytes: Uint8Array, target: number, lineFeed: number): boolean {
  const line = Buffer.from(bytes.buffer, bytes.byteOffset + target, lineFeed - target).toString('latin1');
  return /^(\/.*|[^ ]+) HTTP\/\d\.\d\r?$/i.test(line);
}

/** Whether an absolute URI of HTTP begins at `at`: what clients of a proxy send. */
function isAbsolute(bytes: Uint8Array, at: number): boolean {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(8, bytes.length - at)).toString('latin1');
  return /^https?:\/\//i.test(start);
}
