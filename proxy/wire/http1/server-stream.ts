import type { Field } from '../field.ts';
import type { ErrorCode, RequestHead, ResponseHead, ServerStream, StreamHandler } from '../stream.ts';
import type { HopFields } from './field-parser.ts';
import type { Http1Server } from './server.ts';

/** One request on an HTTP/1 connection. */
export class Http1ServerStream implements ServerStream {
  private readonly server: Http1Server;
  readonly method: string;
  readonly hop: HopFields;
  handler: StreamHandler | undefined = undefined;
  responded = false;
  chunked = false;
  bodiless = false;
  raw = false;
  private over = false;

  constructor(server: Http1Server, head: RequestHead, hop: HopFields) {
    this.server = server;
    this.method = head.method;
    this.hop = hop;
  }

  /** True when a response with `status` turns the connection into a byte stream. */
  isTunnel(status: number): boolean {
    return status === 101 || (this.method === 'CONNECT' && status >= 200 && status < 300);
  }

  /** True when only the end of the connection can tell the end of such a response. */
  endsWithConnection(head: ResponseHead, end: boolean): boolean {
    if (end || this.hop.minorVersion === 1 || head.contentLength >= 0) return false;
    return this.method !== 'HEAD' && head.status !== 204 && head.status !== 304 && !this.isTunnel(head.status);
  }

  sendInformational(head: ResponseHead): void {
    // An HTTP/1.0 client does not know 1xx (RFC 9110 section 15.2).
    if (!this.over && !this.responded && this.hop.minorVersion === 1) this.server.writeInformational(head);
  }

  closeAfterResponse(): void {
    this.hop.close = true;
  }

  sendResponse(head: ResponseHead, end: boolean): void {
    if (this.over || this.responded) return;
    this.responded = true;
    if (end) this.over = true;
    this.server.writeHead(this, head, end);
  }

  sendData(chunk: Uint8Array, end: boolean): void {
    if (this.over) return;
    if (end) this.over = true;
    this.server.writeBody(this, chunk, end);
  }

  sendTrailers(fields: readonly Field[]): void {
    if (this.over) return;
    this.over = true;
    this.server.writeEnd(this, fields);
  }

  reset(_code: ErrorCode, _reason: string): void {
    if (this.over) return;
    this.over = true;
    this.server.breakOff();
  }

  credit(bytes: number): void {
    this.server.credit(bytes);
  }

  /** The request broke off. */
  fail(code: ErrorCode, reason: string): void {
    this.over = true;
    this.handler?.onReset(code, reason);
  }
}
