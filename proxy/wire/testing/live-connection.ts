import { nobody } from '../nobody.ts';
import type { Connection, TlsPeer, TransportHandler } from '../transport.ts';

/**
 * A connection in memory that lives and ends as a socket does: closed when both sides have sent FIN, or by one of them.
 * `closesAtOnce` tells its handler inside the call that closed it, as the runtime's sockets do; otherwise its end comes
 * with the next `settle`.
 */
export class LiveConnection implements Connection {
  handler: TransportHandler = nobody;
  readonly tls: TlsPeer | undefined = undefined;
  readonly remoteAddress = '10.0.0.1';
  readonly remotePort = 40_000;
  readonly localAddress = '10.0.0.2';
  readonly localPort = 80;
  bytesRead = 0;
  bytesWritten = 0;
  blocked = false;
  paused = false;
  /** What its peer has seen, in order; `RST` and `FIN` are its last. */
  readonly sent: string[] = [];
  gone = false;
  private readonly closesAtOnce: boolean;
  private finSent = false;
  private finGot = false;
  private pending: (() => void) | undefined = undefined;

  constructor(closesAtOnce: boolean) {
    this.closesAtOnce = closesAtOnce;
  }

  /** Nothing more can come of it: what it still tells is on its way. */
  get closing(): boolean {
    return this.gone || this.pending !== undefined;
  }

  get lastSent(): string | undefined {
    return this.sent.at(-1);
  }

  write(bytes: Uint8Array, length = bytes.length): boolean {
    if (this.closing || this.finSent) return true;
    this.bytesWritten += length;
    this.sent.push(Buffer.from(bytes.subarray(0, length)).toString());
    return !this.blocked;
  }

  end(): void {
    if (this.closing || this.finSent) return;
    this.finSent = true;
    this.sent.push('FIN');
    if (this.finGot) this.lose(undefined);
  }

  close(): void {
    this.end();
    if (!this.closing) this.lose(undefined);
  }

  abort(): void {
    if (this.closing) return;
    this.sent.push('RST');
    this.lose(undefined);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  /** The peer sends bytes. */
  receive(text: string): void {
    if (this.closing || this.finGot) return;
    this.bytesRead += text.length;
    this.handler.onBytes(Buffer.from(text));
  }

  /** The peer sends FIN. */
  receiveFin(): void {
    if (this.closing || this.finGot) return;
    this.finGot = true;
    this.handler.onEnd();
    if (this.finSent && !this.closing) this.lose(undefined);
  }

  /** The peer sends RST. */
  receiveReset(error: Error): void {
    if (this.closing) return;
    this.gone = true;
    this.handler.onClose(error);
  }

  /** The peer has read what waited for it. */
  unblock(): void {
    if (this.closing || !this.blocked) return;
    this.blocked = false;
    this.handler.onDrain();
  }

  /** Tells what was still to be told. */
  settle(): void {
    const tell = this.pending;
    this.pending = undefined;
    tell?.();
  }

  private lose(error: Error | undefined): void {
    const tell = (): void => {
      this.gone = true;
      this.handler.onClose(error);
    };
    if (!this.closesAtOnce) this.pending = tell;
    else tell();
  }
}
