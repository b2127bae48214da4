import type { Field } from '../field.ts';
import type { ErrorCode, RequestHead, ResponseHandler, Stream } from '../stream.ts';
import type { Http1Client } from './client.ts';

/** One request on an HTTP/1 connection, from the client's side. */
export class Http1ClientStream implements Stream {
  private readonly client: Http1Client;
  readonly method: string;
  /** A 101 may come. */
  readonly upgrade: boolean;
  readonly handler: ResponseHandler;
  readonly chunked: boolean;
  requestOver: boolean;

  constructor(client: Http1Client, head: RequestHead, handler: ResponseHandler, chunked: boolean, end: boolean) {
    this.client = client;
    this.method = head.method;
    this.upgrade = head.upgrade !== undefined;
    this.handler = handler;
    this.chunked = chunked;
    this.requestOver = end;
  }

  sendData(chunk: Uint8Array, end: boolean): void {
    if (this.requestOver) return;
    if (end) this.requestOver = true;
    this.client.write(this, chunk, end);
  }

  sendTrailers(fields: readonly Field[]): void {
    if (this.requestOver) return;
    this.requestOver = true;
    this.client.requestEnded(this, fields);
  }

  reset(_code: ErrorCode, _reason: string): void {
    this.requestOver = true;
    this.client.abandon(this);
  }

  credit(bytes: number): void {
    this.client.credit(this, bytes);
  }
}
