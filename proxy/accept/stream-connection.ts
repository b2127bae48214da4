import { nobody } from '../wire/nobody.ts';
import { smallChunkBytes } from '../wire/small-chunk.ts';
import { ErrorCode, type ServerStream, type StreamHandler } from '../wire/stream.ts';
import type { Connection, TlsPeer, TransportHandler } from '../wire/transport.ts';

/** Bytes that may wait in the stream before the writer is told to stop. */
const highWaterBytes = 64 * 1024;

/**
 * A tunnel (the inside of an accepted CONNECT) as a connection, so that what is spoken in it is detected and proxied
 * like what comes from a socket.
 */
export class StreamConnection implements Connection, StreamHandler {
  handler: TransportHandler = nobody;
  readonly tls: TlsPeer | undefined = undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  bytesRead = 0;
  bytesWritten = 0;
  private readonly stream: ServerStream;
  private unsent = 0;
  private waiting = false;
  private paused = false;
  private owedCredit = 0;
  private ended = false;
  private peerEnded = false;
  private closed = false;

  /** `outer` is the connection that the tunnel goes through. */
  constructor(stream: ServerStream, outer: Connection) {
    this.stream = stream;
    this.remoteAddress = outer.remoteAddress;
    this.remotePort = outer.remotePort;
    this.localAddress = outer.localAddress;
    this.localPort = outer.localPort;
  }

  get blocked(): boolean {
    return this.waiting;
  }

  write(bytes: Uint8Array, length = bytes.length): boolean {
    if (this.closed || this.ended) return true;
    this.bytesWritten += length;
    this.unsent += length;
    this.stream.sendData(length === bytes.length ? bytes : bytes.subarray(0, length), false);
    if (this.unsent > highWaterBytes) this.waiting = true;
    return !this.waiting;
  }

  end(): void {
    if (this.ended || this.closed) return;
    this.ended = true;
    this.stream.sendData(new Uint8Array(0), true);
    this.closeIfOver();
  }

  close(): void {
    this.end();
    if (this.closed) return;
    this.closed = true;
    // What the client may still send is dropped as it comes.
    this.stream.credit(this.owedCredit);
    if (this.unsent === 0) this.askForNoMore();
    this.handler.onClose(undefined);
  }

  abort(): void {
    if (this.closed) return;
    this.closed = true;
    this.stream.reset(ErrorCode.connectError, 'tunnel broken');
    this.handler.onClose(undefined);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    const owed = this.owedCredit;
    this.owedCredit = 0;
    if (owed > 0) this.stream.credit(owed);
  }

  onData(chunk: Uint8Array, end: boolean): void {
    if (this.closed) {
      this.stream.credit(chunk.length);
      return;
    }
    if (chunk.length > 0) {
      this.bytesRead += chunk.length;
      // What is spoken inside is read by codecs too: their chunks may lie where this one does.
      this.handler.onBytes(chunk.length <= smallChunkBytes ? chunk.slice() : chunk);
      if (this.paused && !this.closed) this.owedCredit += chunk.length;
      else this.stream.credit(chunk.length);
    }
    if (!end || this.closed) return;
    this.peerEnded = true;
    this.handler.onEnd();
    this.closeIfOver();
  }

  onTrailers(): void {
    this.onData(new Uint8Array(0), true);
  }

  onSent(bytes: number): void {
    this.unsent = Math.max(0, this.unsent - bytes);
    if (this.unsent > 0) return;
    if (this.closed) {
      this.askForNoMore();
      return;
    }
    if (!this.waiting) return;
    this.waiting = false;
    this.handler.onDrain();
  }

  onReset(_code: ErrorCode, reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.handler.onClose(this.peerEnded && this.ended ? undefined : new Error(reason));
  }

  /** Without it a client that does not end would keep its stream, and this process what belongs to it. */
  private askForNoMore(): void {
    if (!this.peerEnded) this.stream.reset(ErrorCode.noError, 'the tunnel is closed');
  }

  private closeIfOver(): void {
    if (!this.ended || !this.peerEnded || this.closed) return;
    this.closed = true;
    this.handler.onClose(undefined);
  }
}
