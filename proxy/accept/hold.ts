import type { Connection, TransportHandler } from '../wire/transport.ts';

/**
 * Keeps a connection waiting until it is known what becomes of it. Reading is paused; what comes in all the same (bytes
 * that were under way, the peer's FIN) is kept for the next owner.
 */
export class Hold implements TransportHandler {
  private readonly connection: Connection;
  private readonly onGone: (error: Error | undefined) => void;
  private readonly chunks: Uint8Array[] = [];
  private ended = false;
  /** The connection closed while it was held. */
  gone = false;

  /** `first` are bytes that were read before. `onGone` is told when the connection closes while it is held. */
  constructor(connection: Connection, first: Uint8Array, onGone: (error: Error | undefined) => void) {
    this.connection = connection;
    this.onGone = onGone;
    if (first.length > 0) this.chunks.push(first.slice());
    connection.handler = this;
    connection.pause();
  }

  /** Hands the connection to its next owner: `take` sets the handler and gets the bytes that came meanwhile. */
  release(take: (bytes: Uint8Array) => void): void {
    if (this.gone) return;
    take(this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks));
    this.connection.resume();
    if (this.ended && this.connection.handler !== this) this.connection.handler.onEnd();
  }

  onBytes(chunk: Uint8Array): void {
    this.chunks.push(chunk.slice());
  }

  onDrain(): void {}

  onEnd(): void {
    this.ended = true;
  }

  onClose(error: Error | undefined): void {
    this.gone = true;
    this.onGone(error);
  }
}
