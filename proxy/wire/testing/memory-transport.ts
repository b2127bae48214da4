import type { Flushable, Transport, TransportHandler, Turn } from '../transport.ts';

/** A turn that ends when a test says so. */
export class ManualTurn implements Turn {
  private dirty = new Set<Flushable>();

  schedule(connection: Flushable): void {
    this.dirty.add(connection);
  }

  /** Flushes until nothing has output. */
  end(): void {
    while (this.dirty.size > 0) {
      const batch = [...this.dirty];
      this.dirty.clear();
      for (const connection of batch) connection.flush();
    }
  }
}

/** One end of a connection in memory: collects what is written until `deliver` hands it to the other end. */
export class MemoryTransport implements Transport {
  handler: TransportHandler | undefined = undefined;
  peer: MemoryTransport | undefined = undefined;
  written: Uint8Array[] = [];
  /** Set by a test to act as a socket that takes nothing more. */
  blocked = false;
  paused = false;
  ended = false;
  closed = false;
  aborted = false;

  write(bytes: Uint8Array, length = bytes.length): boolean {
    this.written.push(bytes.slice(0, length));
    return !this.blocked;
  }

  end(): void {
    this.ended = true;
  }

  close(): void {
    this.ended = true;
    this.closed = true;
  }

  abort(): void {
    this.aborted = true;
    this.closed = true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  /** What was written so far; forgets it. */
  take(): Buffer {
    const all = Buffer.concat(this.written);
    this.written = [];
    return all;
  }

  unblock(): void {
    this.blocked = false;
    this.handler?.onDrain();
  }
}
