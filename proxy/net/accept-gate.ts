import { closeDescriptor, duplicateDescriptor, replaceDescriptor, unusedSocket } from './system-calls.ts';

/** Connections that are accepted in one turn of the event loop: a few milliseconds' work. */
const maxPerTurn = 32;

/**
 * Ends the runtime's accepting for this turn of the event loop. It accepts for as long as a connection waits: who connects
 * as fast as that would have it do nothing else.
 *
 * The listening socket's descriptor is made that of a socket which does not listen, so that the next accept fails; at the
 * turn's end it becomes the listening socket's again. The socket itself stays open meanwhile, with all that waits there.
 */
export class AcceptGate {
  private readonly descriptor: number;
  private readonly listening: number;
  private readonly silent: number;
  private accepted = 0;
  private shut = false;
  private closed = false;
  private readonly onTurnEnd = (): void => {
    this.accepted = 0;
    this.open();
  };

  constructor(descriptor: number) {
    this.descriptor = descriptor;
    this.listening = duplicateDescriptor(descriptor);
    this.silent = unusedSocket();
  }

  /** A connection was accepted. */
  count(): void {
    if (++this.accepted === 1) setImmediate(this.onTurnEnd);
    if (this.accepted < maxPerTurn || this.shut || this.closed || this.listening < 0 || this.silent < 0) return;
    this.shut = replaceDescriptor(this.descriptor, this.silent);
  }

  /** To be called before the listening socket is closed. */
  close(): void {
    this.open();
    this.closed = true;
    for (const descriptor of [this.listening, this.silent]) closeDescriptor(descriptor);
  }

  private open(): void {
    if (!this.shut) return;
    this.shut = !replaceDescriptor(this.descriptor, this.listening);
    if (this.shut) setImmediate(this.onTurnEnd);
  }
}
