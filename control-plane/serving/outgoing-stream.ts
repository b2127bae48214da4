import type { ServerHttp2Stream } from 'node:http2';
import { Code, statusTrailers } from './grpc-status.ts';

/** Told of the end of a stream: one object for each stream would be the most of what a stream costs. */
export interface StreamOwner {
  /** Called once, when the client has gone, was cut off, or was told the end. */
  closed(stream: OutgoingStream): void;
  /** The client reads too slowly, and is cut off. */
  overflowed(): void;
}

/** Messages that may wait for a client before its stream is ended: it asks again, and gets all anew. */
const maxWaiting = 100;

const responseHeaders = { ':status': 200, 'content-type': 'application/grpc', 'grpc-accept-encoding': 'identity' };
const ignore = (): void => {};

/**
 * The answers of one call of gRPC, sent as they come. A client that does not read is cut off, so that it costs no more
 * than its queue. Messages are encoded, and are not copied: many streams send the same.
 */
export class OutgoingStream {
  owner: StreamOwner | undefined = undefined;
  private readonly http2: ServerHttp2Stream;
  private readonly siblings: Set<OutgoingStream>;
  private readonly onSent: () => void;
  private waiting = 0;
  private allowed = maxWaiting;
  private ended = false;
  private told = false;

  /** `siblings`: the open streams of its connection, of which it is one until it closes. */
  constructor(http2: ServerHttp2Stream, siblings: Set<OutgoingStream>) {
    this.http2 = http2;
    this.siblings = siblings;
    siblings.add(this);
    this.onSent = () => {
      this.waiting--;
    };
    http2.on('error', ignore);
    http2.on('close', () => this.close());
  }

  /** Where the client is, as far as the connection knows. */
  get peer(): string {
    const socket = this.http2.session?.socket;
    return socket?.remoteAddress === undefined ? 'gone' : `${socket.remoteAddress}:${socket.remotePort}`;
  }

  /** Something of the answer has been sent. */
  get hasBegun(): boolean {
    return this.http2.headersSent;
  }

  get open(): boolean {
    return !this.ended;
  }

  /** Sends what the client asked for first, in as many messages as that takes; they are not held against it. */
  begin(messages: readonly Uint8Array[]): void {
    this.allowed = maxWaiting + messages.length;
    for (const message of messages) this.send(message);
  }

  send(message: Uint8Array): void {
    if (this.ended) return;
    if (this.waiting >= this.allowed) {
      this.owner?.overflowed();
      // Closing the stream alone would tell the client nothing: it would wait for changes for ever.
      this.end(Code.aborted, 'the client reads too slowly');
      return;
    }
    if (!this.http2.headersSent) this.http2.respond(responseHeaders, { waitForTrailers: true });
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    this.waiting++;
    this.http2.cork();
    this.http2.write(head);
    this.http2.write(message, this.onSent);
    this.http2.uncork();
  }

  /** Ends the call; what was sent before arrives before. */
  end(code: number = Code.ok, message = ''): void {
    if (this.ended) return;
    this.ended = true;
    const trailers = statusTrailers(code, message);
    const { http2 } = this;
    if (http2.destroyed || http2.closed) return;
    if (!http2.headersSent) http2.respond({ ...responseHeaders, ...trailers }, { endStream: true });
    else {
      http2.once('wantTrailers', () => http2.sendTrailers(trailers));
      http2.end();
    }
    this.tell();
  }

  private close(): void {
    this.ended = true;
    this.siblings.delete(this);
    this.tell();
  }

  private tell(): void {
    if (this.told) return;
    this.told = true;
    this.owner?.closed(this);
  }
}
