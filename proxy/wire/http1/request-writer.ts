import type { Field } from '../field.ts';
import { OutputBuffer } from '../output-buffer.ts';
import type { RequestHead } from '../stream.ts';
import type { Transport } from '../transport.ts';
import type { Http1ClientStream } from './client-stream.ts';
import { writeChunk, writeLastChunk, writeRequestHead } from './head-writer.ts';

/** Writes the requests of one connection, one when the one before it has been answered. */
export class RequestWriter {
  private readonly transport: Transport;
  private readonly out = new OutputBuffer();
  /** Bytes of the body under way that have not left yet. */
  private unsent = 0;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  head(stream: Http1ClientStream, head: RequestHead, end: boolean, extra: readonly Field[] | undefined): void {
    this.unsent = 0;
    const tunnel = head.method === 'CONNECT' || head.upgrade !== undefined;
    // A body of no bytes is told to methods that would otherwise have the server wait or guess.
    const contentLength = !tunnel && (!end || head.contentLength >= 0) ? head.contentLength : -1;
    const framing = { contentLength, chunked: stream.chunked, close: false, keepAlive: false, upgrade: head.upgrade };
    writeRequestHead(this.out, head, framing, extra);
  }

  body(stream: Http1ClientStream, chunk: Uint8Array): void {
    if (chunk.length > 0) {
      if (stream.chunked) writeChunk(this.out, chunk, this.transport);
      else this.out.appendBody(chunk, this.transport);
    }
    this.unsent += chunk.length;
  }

  end(stream: Http1ClientStream, trailers: readonly Field[] | undefined): void {
    if (stream.chunked) writeLastChunk(this.out, trailers);
  }

  /** Forgets what has not been handed to the transport. */
  drop(): void {
    this.out.length = 0;
  }

  /** Hands everything to the transport. Returns false when bytes wait there. */
  flush(): boolean {
    return this.out.length > 0 ? this.out.writeTo(this.transport) : !this.transport.blocked;
  }

  /** Bytes of the body that have left since the last call. */
  takeSent(): number {
    const { unsent } = this;
    this.unsent = 0;
    return unsent;
  }
}
