import type { Connection, TransportHandler } from '../wire/transport.ts';

/** Called once, when both connections are gone; `error` is what ended them, if it was not their ends' own FINs. */
export type SpliceEnd = (error: Error | undefined) => void;

/** Looks at what the first connection says before it is passed on. */
export interface SpliceGuard {
  /** `pass`: this chunk may go on; `done`: so may all that follow; `stop`: it may not. */
  look(chunk: Uint8Array): 'pass' | 'done' | 'stop';
  /** The first connection has ended: whether the second may be told so. */
  mayEnd(): boolean;
  /**
   * It was stopped: the second connection has been ended, and the first one, with `chunk`, is the guard's. `untouched`:
   * nothing had been passed on in either direction.
   */
  onStopped(chunk: Uint8Array, untouched: boolean): void;
}

/**
 * Passes bytes both ways between two connections until each side has ended: half-close is passed on as half-close, a
 * broken connection as RST, and a slow reader stops the fast writer. A `guard` that stops it is the last to be told of
 * it: `onEnd` is not called.
 */
export function splice(a: Connection, b: Connection, onEnd: SpliceEnd, guard?: SpliceGuard): void {
  const joint = new Splice(onEnd, guard);
  const left = new Half(joint, a, b, true);
  const right = new Half(joint, b, a, false);
  a.handler = left;
  b.handler = right;
  a.resume();
  b.resume();
}

class Splice {
  open = 2;
  error: Error | undefined = undefined;
  readonly onEnd: SpliceEnd;
  /** Undefined when all may pass. */
  guard: SpliceGuard | undefined;
  /** Something has been passed on, in either direction. */
  passed = false;
  /** The guard has stopped it: what becomes of either connection is no business of the other's. */
  stopped = false;

  constructor(onEnd: SpliceEnd, guard: SpliceGuard | undefined) {
    this.onEnd = onEnd;
    this.guard = guard;
  }
}

/**
 * Whatever it tells its peer may end the peer inside that call, and bring the peer's half here before the call returns:
 * each call on the peer is the last thing done.
 */
class Half implements TransportHandler {
  private readonly joint: Splice;
  private readonly self: Connection;
  private readonly peer: Connection;
  private readonly isGuarded: boolean;
  private ended = false;

  constructor(joint: Splice, self: Connection, peer: Connection, isGuarded: boolean) {
    this.joint = joint;
    this.self = self;
    this.peer = peer;
    this.isGuarded = isGuarded;
  }

  onBytes(chunk: Uint8Array): void {
    const { joint } = this;
    if (joint.guard !== undefined && !this.mayPass(joint.guard, chunk)) return;
    // The peer is gone: nobody will take these bytes or any that follow, and the sender should learn of it.
    if (joint.open < 2) this.self.abort();
    else if (!this.peer.write(chunk, chunk.length, true)) this.self.pause();
  }

  onDrain(): void {
    this.peer.resume();
  }

  onEnd(): void {
    this.ended = true;
    const { guard, stopped } = this.joint;
    if (stopped) return;
    if (guard !== undefined && this.isGuarded && !guard.mayEnd()) this.stop(guard, new Uint8Array(0), false);
    else this.peer.end();
  }

  onClose(error: Error | undefined): void {
    if (this.joint.stopped) return;
    this.joint.error ??= error;
    this.joint.open--;
    if (this.joint.open === 0) this.joint.onEnd(this.joint.error);
    // Without its FIN it is not known to have sent all: its peer must not take what it got for the whole.
    else if (error !== undefined || !this.ended) this.peer.abort();
    else {
      this.peer.end();
      // It may have been stopped for this one's sake, and is not told of its own end as long as it is.
      this.peer.resume();
    }
  }

  private mayPass(guard: SpliceGuard, chunk: Uint8Array): boolean {
    const { joint } = this;
    if (this.isGuarded) {
      const verdict = guard.look(chunk);
      if (verdict === 'stop') {
        this.stop(guard, chunk, !joint.passed);
        return false;
      }
      if (verdict === 'done') joint.guard = undefined;
    }
    joint.passed = true;
    return true;
  }

  private stop(guard: SpliceGuard, chunk: Uint8Array, untouched: boolean): void {
    const { joint } = this;
    joint.stopped = true;
    if (untouched && joint.open === 2) this.peer.close();
    // It has half of a line, and no end of it: nothing to act on.
    else this.peer.abort();
    guard.onStopped(chunk, untouched && joint.open === 2);
  }
}
