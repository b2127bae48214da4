import { type ServerWritableStream, status } from '@grpc/grpc-js';

/** Messages that may wait for a client before its stream is ended: it asks again, and gets all anew. */
const maxQueued = 100;

/**
 * Sends messages on a server stream as they come. A client that does not read is cut off, so that it costs no more than
 * its queue; `onOverflow` counts it.
 */
export class BoundedStream<Message> {
  private readonly call: ServerWritableStream<never, Message>;
  private readonly onOverflow: () => void;
  private ended = false;
  private allowed = maxQueued;

  /** `onClosed` is called once, when the client has gone or was cut off. */
  constructor(call: ServerWritableStream<never, Message>, onOverflow: () => void, onClosed: () => void) {
    this.call = call;
    this.onOverflow = onOverflow;
    let told = false;
    const closed = (): void => {
      this.ended = true;
      if (told) return;
      told = true;
      onClosed();
    };
    call.on('cancelled', closed);
    call.on('close', closed);
    call.on('error', closed);
  }

  /** Sends what the client asked for first, in as many messages as that takes; they are not held against it. */
  begin(messages: readonly Message[]): void {
    this.allowed = maxQueued + messages.length;
    for (const message of messages) this.send(message);
  }

  send(message: Message): void {
    if (this.ended) return;
    if (this.call.writableLength >= this.allowed) {
      this.onOverflow();
      // Destroying the stream would tell the client nothing: it would wait for changes for ever.
      this.fail(status.ABORTED, 'the client reads too slowly');
      return;
    }
    this.call.write(message);
  }

  fail(code: number, details: string): void {
    if (this.ended) return;
    this.ended = true;
    this.call.emit('error', { code, details });
  }
}
