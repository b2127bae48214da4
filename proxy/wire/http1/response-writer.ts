import type { Field } from '../field.ts';
import { responseHead } from '../heads.ts';
import { OutputBuffer } from '../output-buffer.ts';
import type { ResponseHead } from '../stream.ts';
import type { Transport } from '../transport.ts';
import { type WrittenFraming, writeChunk, writeFields, writeLastChunk, writeResponseHead } from './head-writer.ts';
import type { Http1ServerStream } from './server-stream.ts';

/** Writes the responses of one connection, one behind the other, and tells what of them has left. */
export class ResponseWriter {
  private readonly transport: Transport;
  private readonly out = new OutputBuffer();
  private unsent = 0;
  private unsentBy: Http1ServerStream | undefined = undefined;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** Writes a head, and settles on the stream how its body is framed. `close` is told to the client. */
  head(stream: Http1ServerStream, head: ResponseHead, end: boolean, close: boolean): void {
    const raw = stream.isTunnel(head.status);
    const bodiless = raw || head.status === 204 || head.status === 304 || stream.method === 'HEAD';
    const isHttp11 = stream.hop.minorVersion === 1;
    const framing: WrittenFraming = {
      contentLength: raw || head.status === 204 ? -1 : head.contentLength,
      chunked: false,
      close: close && !raw,
      keepAlive: !close && !raw && !isHttp11,
      upgrade: head.status === 101 || (head.status === 426 && isHttp11) ? head.upgrade : undefined,
    };
    if (!bodiless && framing.contentLength < 0) {
      if (end) framing.contentLength = 0;
      else framing.chunked = isHttp11;
    }
    stream.chunked = framing.chunked;
    stream.bodiless = bodiless && !raw;
    stream.raw = raw;
    if (stream.bodiless) stream.restBytes = 0;
    else if (framing.contentLength >= 0) stream.restBytes = framing.contentLength;
    writeResponseHead(this.out, head, framing);
  }

  informational(head: ResponseHead): void {
    this.out.appendLatin1(`HTTP/1.1 ${head.status} ${head.status === 100 ? 'Continue' : ''}\r\n`);
    writeFields(this.out, head.fields);
    this.out.appendLatin1('\r\n');
  }

  body(stream: Http1ServerStream, chunk: Uint8Array): void {
    if (chunk.length > 0 && !stream.bodiless) {
      if (stream.chunked) writeChunk(this.out, chunk, this.transport);
      else this.out.appendBody(chunk, this.transport);
    }
    stream.restBytes -= chunk.length;
    this.unsent += chunk.length;
    this.unsentBy = stream;
  }

  /** Ends the response's body. */
  end(stream: Http1ServerStream, trailers: readonly Field[] | undefined): void {
    if (stream.chunked) writeLastChunk(this.out, trailers);
    // An upstream that has ended needs no credit any more.
    if (!stream.raw) this.unsent = 0;
  }

  /** A response of the connection's own, behind which it closes. */
  refusal(status: number): void {
    writeResponseHead(this.out, responseHead(status, 0), {
      contentLength: 0,
      chunked: false,
      close: true,
      keepAlive: false,
      upgrade: undefined,
    });
  }

  /** Hands everything to the transport. Returns false when bytes wait there. */
  flush(): boolean {
    return this.out.length > 0 ? this.out.writeTo(this.transport) : !this.transport.blocked;
  }

  /** Everything has left. */
  reportSent(): void {
    const { unsent, unsentBy } = this;
    this.unsent = 0;
    this.unsentBy = undefined;
    if (unsent > 0) unsentBy?.handler?.onSent(unsent);
  }
}
