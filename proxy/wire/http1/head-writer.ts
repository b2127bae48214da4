import type { Field } from '../field.ts';
import { writeLatin1 } from '../latin1.ts';
import type { OutputBuffer } from '../output-buffer.ts';
import type { RequestHead, ResponseHead } from '../stream.ts';
import type { Transport } from '../transport.ts';

const reasons: Record<number, string> = {
  100: 'Continue',
  101: 'Switching Protocols',
  103: 'Early Hints',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

/** How the body that follows a head is delimited, and what is to become of the connection. */
export interface WrittenFraming {
  /** `Content-Length`, or -1 for none. */
  contentLength: number;
  chunked: boolean;
  close: boolean;
  /** An HTTP/1.0 client must be told that the connection stays. */
  keepAlive: boolean;
  upgrade: string | undefined;
}

export function writeRequestHead(
  out: OutputBuffer,
  head: RequestHead,
  framing: WrittenFraming,
  extra: readonly Field[] | undefined,
): void {
  const target =
    head.method === 'CONNECT'
      ? head.authority
      : head.absoluteForm
        ? `${head.scheme}://${head.authority}${head.path === '*' ? '' : head.path}`
        : head.path;
  out.appendLatin1(head.method);
  out.appendLatin1(' ');
  out.appendLatin1(target);
  out.appendLatin1(' HTTP/1.1\r\nhost: ');
  out.appendLatin1(head.authority);
  out.appendLatin1('\r\n');
  writeFields(out, head.fields);
  if (extra !== undefined) writeFields(out, extra);
  writeFraming(out, framing);
}

const statusLines = new Map<number, Uint8Array>();

export function writeResponseHead(out: OutputBuffer, head: ResponseHead, framing: WrittenFraming): void {
  let line = statusLines.get(head.status);
  if (line === undefined) {
    line = Buffer.from(`HTTP/1.1 ${head.status} ${reasons[head.status] ?? ''}\r\n`, 'latin1');
    if (head.status >= 100 && head.status <= 599) statusLines.set(head.status, line);
  }
  out.append(line);
  writeFields(out, head.fields);
  writeFraming(out, framing);
}

/** Fields, each on its line; the empty line behind them is the caller's. */
export function writeFields(out: OutputBuffer, fields: readonly Field[]): void {
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i];
    if (field.line !== undefined) {
      out.append(field.line);
      continue;
    }
    const { name, value } = field;
    const count = name.length + value.length + 4;
    let at = out.reserve(count);
    at = writeLatin1(out.bytes, at, name);
    out.bytes[at++] = 0x3a;
    out.bytes[at++] = 0x20;
    at = writeLatin1(out.bytes, at, value);
    out.bytes[at++] = 0x0d;
    out.bytes[at++] = 0x0a;
    if (field.interned) field.line = out.bytes.slice(out.length, at);
    out.length = at;
  }
}

function writeFraming(out: OutputBuffer, framing: WrittenFraming): void {
  if (framing.contentLength >= 0) {
    out.appendLatin1('content-length: ');
    out.appendLatin1(String(framing.contentLength));
    out.appendLatin1('\r\n');
  } else if (framing.chunked) out.appendLatin1('transfer-encoding: chunked\r\n');
  if (framing.upgrade !== undefined) {
    out.appendLatin1(framing.close ? 'connection: close, upgrade\r\nupgrade: ' : 'connection: upgrade\r\nupgrade: ');
    out.appendLatin1(framing.upgrade);
    out.appendLatin1('\r\n');
  } else if (framing.close) out.appendLatin1('connection: close\r\n');
  else if (framing.keepAlive) out.appendLatin1('connection: keep-alive\r\n');
  out.appendLatin1('\r\n');
}

const hex = '0123456789abcdef';

/** One chunk of chunked coding. */
export function writeChunk(out: OutputBuffer, chunk: Uint8Array, transport: Transport): void {
  let digits = 1;
  for (let rest = chunk.length >>> 4; rest > 0; rest >>>= 4) digits++;
  let at = out.reserve(digits + 2);
  for (let i = digits - 1; i >= 0; i--) out.bytes[at++] = hex.charCodeAt((chunk.length >>> (4 * i)) & 15);
  out.bytes[at++] = 0x0d;
  out.bytes[at++] = 0x0a;
  out.length = at;
  out.appendBody(chunk, transport);
  out.appendLatin1('\r\n');
}

/** The last chunk with its trailers. */
export function writeLastChunk(out: OutputBuffer, trailers: readonly Field[] | undefined): void {
  out.appendLatin1('0\r\n');
  if (trailers !== undefined) writeFields(out, trailers);
  out.appendLatin1('\r\n');
}
