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
  /** The client was told to go on with its body. */
  continued = false;
  chunked = false;
  bodiless = false;
  raw = false;
  /** Bytes of the response's body that its head has told and that are not written; infinite when it tells no number. */
  restBytes = Number.POSITIVE_INFINITY;
  /** Nothing more is sent. */
  private ended = false;
  /** Neither direction goes on. */
  private dead = false;

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
    if (this.ended || this.responded || this.hop.minorVersion === 0) return;
    if (head.status === 100) this.continued = true;
    this.server.writeInformational(head);
  }

  closeAfterResponse(): void {
    this.hop.close = true;
  }

  sendResponse(head: ResponseHead, end: boolean): void {
    if (this.ended || this.responded) return;
    this.responded = true;
    if (end) this.ended = true;
    this.server.writeHead(this, head, end);
  }

  sendData(chunk: Uint8Array, end: boolean): void {
    if (this.ended) return;
    if (end) this.ended = true;
    this.server.writeBody(this, chunk, end);
  }

  sendTrailers(fields: readonly Field[]): void {
    if (this.ended) return;
    this.ended = true;
    this.server.writeEnd(this, fields);
  }

  /** Nothing happens behind a whole response: the request's rest is the connection's. A tunnel's halves end by themselves. */
  reset(_code: ErrorCode, _reason: string): void {
    if (this.dead || (this.ended && !this.raw)) return;
    this.ended = true;
    this.dead = true;
    this.server.breakOff();
  }

  credit(bytes: number): void {
    this.server.credit(this, bytes);
  }

  /** The response is whole, though its end may not have been told yet. */
  get answered(): boolean {
    return this.responded && !this.raw && this.restBytes <= 0;
  }

  /** The request broke off. */
  fail(code: ErrorCode, reason: string): void {
    this.ended = true;
    this.dead = true;
    this.handler?.onReset(code, reason);
  }
}
