import type { TimerHandle, Timers } from '../clock.ts';
import { join } from '../wire/join.ts';
import type { Connection, TransportHandler } from '../wire/transport.ts';

/**
 * Looks at the first bytes. Returns true when it has decided and taken the connection over: it has set the next
 * handler and fed it `bytes`. With `final` no more will come (peer's FIN, timeout, limit): it must decide.
 */
export type Decide = (bytes: Uint8Array, final: boolean) => boolean;

/**
 * Holds a connection's first bytes until they tell what it speaks, for at most `timeoutMs` and `limitBytes`.
 * `onGone` is told of a connection that closed before.
 */
export function peek(
  connection: Connection,
  limits: { timeoutMs: number; limitBytes: number },
  timers: Timers,
  decide: Decide,
  onGone: (error: Error | undefined) => void,
): void {
  connection.handler = new Peek(connection, limits, timers, decide, onGone);
}

class Peek implements TransportHandler {
  private readonly connection: Connection;
  private readonly limitBytes: number;
  private readonly timers: Timers;
  private readonly decide: Decide;
  private readonly onGone: (error: Error | undefined) => void;
  private readonly timer: TimerHandle;
  private held: Uint8Array = new Uint8Array(0);
  private decided = false;

  constructor(
    connection: Connection,
    limits: { timeoutMs: number; limitBytes: number },
    timers: Timers,
    decide: Decide,
    onGone: (error: Error | undefined) => void,
  ) {
    this.connection = connection;
    this.limitBytes = limits.limitBytes;
    this.timers = timers;
    this.decide = decide;
    this.onGone = onGone;
    this.timer = timers.after(limits.timeoutMs, () => this.settle(true));
  }

  onBytes(chunk: Uint8Array): void {
    if (this.held.length === 0) this.held = chunk;
    else this.held = join(this.held, chunk);
    this.settle(this.held.length >= this.limitBytes);
    // What is held on to must outlive the call that brought it.
    if (this.connection.handler === this && this.held === chunk) this.held = chunk.slice();
  }

  onDrain(): void {}

  onEnd(): void {
    this.settle(true);
    // The new owner learns of the FIN that came before it.
    if (this.connection.handler !== this) this.connection.handler.onEnd();
  }

  onClose(error: Error | undefined): void {
    this.timers.cancel(this.timer);
    this.onGone(error);
  }

  private settle(final: boolean): void {
    // Who refuses a connection sets no other handler: its end comes here, and must not be decided on again.
    if (this.decided || this.connection.handler !== this) return;
    this.decided = true;
    const held = this.held;
    if (this.decide(held, final)) this.timers.cancel(this.timer);
    else this.decided = false;
  }
}
