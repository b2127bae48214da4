import type { Socket } from 'node:net';
import type { Flushable, Transport, TransportHandler, Turn } from '../transport.ts';

/** A turn that ends when Node's does. */
export class NodeTurn implements Turn {
  private dirty = new Set<Flushable>();

  schedule(connection: Flushable): void {
    if (this.dirty.size === 0) setImmediate(() => this.flush());
    this.dirty.add(connection);
  }

  private flush(): void {
    const batch = this.dirty;
    this.dirty = new Set();
    for (const connection of batch) connection.flush();
  }
}

/** A transport over a node:net socket, so that codecs meet real peers under Node. */
export class NodeTransport implements Transport {
  private readonly socket: Socket;
  private waiting = false;
  handler: TransportHandler | undefined = undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.handler?.onBytes(chunk));
    socket.on('drain', () => {
      this.waiting = false;
      this.handler?.onDrain();
    });
    socket.on('end', () => this.handler?.onEnd());
    let failure: Error | undefined;
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => this.handler?.onClose(failure));
  }

  get bytesRead(): number {
    return this.socket.bytesRead;
  }

  get blocked(): boolean {
    return this.waiting;
  }

  write(bytes: Uint8Array, length = bytes.length): boolean {
    if (!this.socket.write(bytes.slice(0, length))) this.waiting = true;
    return !this.waiting;
  }

  end(): void {
    this.socket.end();
  }

  close(): void {
    this.socket.destroySoon();
  }

  abort(): void {
    this.socket.resetAndDestroy();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }
}
