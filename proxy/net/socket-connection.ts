import type { Socket, SocketHandler } from 'bun';
import { nobody } from '../wire/nobody.ts';
import type { PeerBudget } from '../wire/peer-budget.ts';
import type { Connection, TlsPeer, TransportHandler } from '../wire/transport.ts';

/** What a runtime's socket carries: the connection it belongs to. */
export type BunSocket = Socket<SocketConnection>;

/**
 * A connection over a native socket, plain or TLS. Bun specifics that it hides: `write` takes part of its bytes;
 * `end` would close both directions, so FIN is sent by `shutdown`, once everything has left; after our FIN the peer's
 * comes as a close without `end`; of a reset that a `write` met, nothing but its result tells (docs/decisions/0015).
 */
export class SocketConnection implements Connection {
  handler: TransportHandler = nobody;
  tls: TlsPeer | undefined = undefined;
  budget: PeerBudget | undefined = undefined;
  remoteAddress = '';
  remotePort = 0;
  localAddress = '';
  localPort = 0;
  bytesRead = 0;
  bytesWritten = 0;
  blocked = false;
  /** Called once when TLS is established or refused; unset on plain connections. */
  onHandshake: ((socket: BunSocket, verified: boolean, error: Error | null) => void) | undefined = undefined;
  /** Called once when the socket is connected; unset on accepted ones. */
  onOpen: ((socket: BunSocket) => void) | undefined = undefined;
  private socket: BunSocket | undefined = undefined;
  private queue: Uint8Array[] = [];
  /** Bytes in it. */
  private queuedBytes = 0;
  /** What was to be written is lost, for this: the connection has no clean end, whatever the runtime tells of it. */
  private fault: Error | undefined = undefined;
  private paused = false;
  private finAfterQueue = false;
  private closeAfterQueue = false;
  private finSent = false;
  private gotEnd = false;
  private closed = false;

  /** Takes the socket whose events this connection is to be told. */
  attach(socket: BunSocket): void {
    this.socket = socket;
    socket.data = this;
    this.remoteAddress = plainAddress(socket.remoteAddress);
    this.remotePort = socket.remotePort;
    this.localAddress = plainAddress(socket.localAddress);
    this.localPort = socket.localPort;
  }

  /** Lets go of the socket: events of it no longer reach this connection. */
  detach(): BunSocket | undefined {
    const socket = this.socket;
    this.socket = undefined;
    this.closed = true;
    if (socket !== undefined) socket.data = new SocketConnection();
    return socket;
  }

  get native(): BunSocket | undefined {
    return this.socket;
  }

  write(bytes: Uint8Array, length = bytes.length, kept = false): boolean {
    const socket = this.socket;
    if (socket === undefined || this.closed || this.finSent || this.fault !== undefined) return true;
    this.bytesWritten += length;
    let taken = 0;
    if (this.queue.length === 0) {
      taken = socket.write(bytes, 0, length);
      if (taken === length) return true;
      if (taken < 0) {
        this.break();
        return true;
      }
    }
    this.blocked = true;
    if (this.budget?.hold(length - taken) === false) {
      this.lose(overflow());
      this.giveUp();
      return false;
    }
    this.queuedBytes += length - taken;
    this.queue.push(kept ? bytes.subarray(taken, length) : bytes.slice(taken, length));
    return false;
  }

  end(): void {
    if (this.queue.length > 0) {
      this.finAfterQueue = true;
      return;
    }
    if (this.closed || this.finSent) return;
    this.finSent = true;
    this.socket?.shutdown();
  }

  close(): void {
    if (this.queue.length > 0) {
      this.closeAfterQueue = true;
      return;
    }
    if (!this.closed) this.socket?.end();
  }

  abort(): void {
    if (this.closed) return;
    // The runtime tells of it as of a clean end: as if the peer had sent all.
    this.gotEnd = true;
    this.socket?.terminate();
  }

  pause(): void {
    if (this.closed) return;
    this.paused = true;
    this.socket?.pause();
    if (this.fault !== undefined) this.giveUp();
  }

  resume(): void {
    if (this.closed) return;
    this.paused = false;
    this.socket?.resume();
  }

  received(chunk: Uint8Array): void {
    this.bytesRead += chunk.length;
    this.handler.onBytes(chunk);
  }

  drained(): void {
    const socket = this.socket;
    if (socket === undefined || !this.blocked || this.fault !== undefined) return;
    while (this.queue.length > 0) {
      const bytes = this.queue[0];
      const taken = socket.write(bytes);
      if (taken < 0) {
        this.break();
        return;
      }
      this.queuedBytes -= taken;
      this.budget?.release(taken);
      if (taken < bytes.length) {
        if (taken > 0) this.queue[0] = bytes.subarray(taken);
        return;
      }
      this.queue.shift();
    }
    this.blocked = false;
    if (this.closeAfterQueue) this.close();
    else if (this.finAfterQueue) this.end();
    else this.handler.onDrain();
  }

  peerEnded(): void {
    if (this.gotEnd || this.closed || this.fault !== undefined) return;
    this.gotEnd = true;
    this.handler.onEnd();
  }

  gone(error: Error | undefined): void {
    if (this.closed) return;
    const reason = error ?? this.fault;
    if (reason === undefined) this.peerEnded();
    this.closed = true;
    this.discard();
    this.budget?.closed();
    this.handler.onClose(reason);
  }

  /**
   * A write has met a reset. The kernel told the write, and tells it once: the runtime will find a connection that has
   * ended without error, behind what the peer sent before, an early answer maybe. On a paused one it does not look for that.
   */
  private break(): void {
    this.lose(reset());
    this.blocked = false;
    if (this.paused) this.giveUp();
  }

  private lose(fault: Error): void {
    this.fault = fault;
    this.discard();
  }

  /** Whoever writes or pauses is in the middle of something: it is told later. */
  private giveUp(): void {
    queueMicrotask(() => {
      const { socket } = this;
      this.gone(this.fault);
      socket?.terminate();
    });
  }

  private discard(): void {
    this.queue = [];
    this.budget?.release(this.queuedBytes);
    this.queuedBytes = 0;
  }
}

/** Which error it was, the runtime keeps to itself. */
const reset = (): Error => Object.assign(new Error('connection reset by the peer'), { code: 'ECONNRESET' });
const overflow = (): Error => new Error('the peer takes less of what is sent to it than may wait here');

/** IPv4 addresses that a dual-stack listener shows as IPv6 (`::ffff:10.0.0.1`) are shown as IPv4. */
function plainAddress(address: string): string {
  return address?.startsWith('::ffff:') ? address.slice(7) : (address ?? '');
}

/** One set of handlers for all sockets: what belongs to a connection is in `socket.data`. */
export const socketHandlers: SocketHandler<SocketConnection> = {
  // A Buffer's `slice` would be a view of it, not the copy that it is everywhere else.
  binaryType: 'uint8array',
  open(socket) {
    socket.data.onOpen?.(socket);
  },
  handshake(socket, success, error) {
    const { data } = socket;
    const { onHandshake } = data;
    data.onHandshake = undefined;
    onHandshake?.(socket, success && socket.authorized, error);
  },
  data(socket, chunk) {
    socket.data.received(chunk);
  },
  drain(socket) {
    socket.data.drained();
  },
  end(socket) {
    socket.data.peerEnded();
  },
  close(socket, error) {
    socket.data.gone(error);
  },
  error(socket, error) {
    socket.data.gone(error);
    // Bun tells here of what a handler threw as well, and leaves the socket open: nobody would serve it any more.
    socket.terminate();
    if ((error as NodeJS.ErrnoException).code === undefined) {
      queueMicrotask(() => {
        throw error;
      });
    }
  },
};
