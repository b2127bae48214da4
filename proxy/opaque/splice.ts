import type { Connection, TransportHandler } from '../wire/transport.ts';

/** Called once, when both connections are gone; `error` is what ended them, if it was not their ends' own FINs. */
export type SpliceEnd = (error: Error | undefined) => void;

/**
 * Passes bytes both ways between two connections until each side has ended: half-close is passed on as half-close, a
 * broken connection as RST, and a slow reader stops the fast writer.
 */
export function splice(a: Connection, b: Connection, onEnd: SpliceEnd): void {
  const joint = new Splice(onEnd);
  const left = new Half(joint, a, b);
  const right = new Half(joint, b, a);
  a.handler = left;
  b.handler = right;
  a.resume();
  b.resume();
}

class Splice {
  open = 2;
  error: Error | undefined = undefined;
  readonly onEnd: SpliceEnd;

  constructor(onEnd: SpliceEnd) {
    this.onEnd = onEnd;
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
  private ended = false;

  constructor(joint: Splice, self: Connection, peer: Connection) {
    this.joint = joint;
    this.self = self;
    this.peer = peer;
  }

  onBytes(chunk: Uint8Array): void {
    // The peer is gone: nobody will take these bytes or any that follow, and the sender should learn of it.
    if (this.joint.open < 2) this.self.abort();
    else if (!this.peer.write(chunk, chunk.length, true)) this.self.pause();
  }

  onDrain(): void {
    this.peer.resume();
  }

  onEnd(): void {
    this.ended = true;
    this.peer.end();
  }

  onClose(error: Error | undefined): void {
    this.joint.error ??= error;
    this.joint.open--;
    if (this.joint.open === 0) this.joint.onEnd(this.joint.error);
    // Without its FIN it is not known to have sent all: its peer must not take what it got for the whole.
    else if (error !== undefined || !this.ended) this.peer.abort();
    else this.peer.end();
  }
}
