/** A stream of bytes that is not gRPC's, or a message that is too large. */
export class FramingError extends Error {}

const prefixBytes = 5;
const nothing = new Uint8Array(0);

/** Puts gRPC's prefix before a message: not compressed, length (grpc/grpc doc/PROTOCOL-HTTP2.md). */
export function frameMessage(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(prefixBytes + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, prefixBytes);
  return framed;
}

/** Cuts a response's bytes into messages. */
export class MessageReader {
  private readonly maxMessageBytes: number;
  private readonly onMessage: (message: Uint8Array) => void;
  /** Parts of what is not complete yet, with `heldBytes` in all. */
  private held: Uint8Array[] = [];
  private heldBytes = 0;

  /** `onMessage` gets bytes of its own. */
  constructor(maxMessageBytes: number, onMessage: (message: Uint8Array) => void) {
    this.maxMessageBytes = maxMessageBytes;
    this.onMessage = onMessage;
  }

  /** True when no message has begun without ending. */
  get complete(): boolean {
    return this.heldBytes === 0;
  }

  /** Takes the next bytes; `chunk` may be reused after the call. Throws a FramingError. */
  push(chunk: Uint8Array): void {
    this.held.push(new Uint8Array(chunk));
    this.heldBytes += chunk.length;
    for (;;) {
      if (this.heldBytes < prefixBytes) return;
      const prefix = this.held[0].length >= prefixBytes ? this.held[0] : this.joined();
      const view = new DataView(prefix.buffer, prefix.byteOffset);
      if (view.getUint8(0) !== 0) throw new FramingError('a compressed message, which was not asked for');
      const bytes = view.getUint32(1);
      if (bytes > this.maxMessageBytes) {
        throw new FramingError(`a message of ${bytes} bytes, more than the ${this.maxMessageBytes} that are taken`);
      }
      if (this.heldBytes < prefixBytes + bytes) return;
      const whole = this.joined();
      const rest = whole.subarray(prefixBytes + bytes);
      this.held = rest.length === 0 ? [] : [rest];
      this.heldBytes = rest.length;
      this.onMessage(whole.subarray(prefixBytes, prefixBytes + bytes));
    }
  }

  private joined(): Uint8Array {
    if (this.held.length === 1) return this.held[0];
    const whole = this.held.length === 0 ? nothing : new Uint8Array(this.heldBytes);
    let at = 0;
    for (const part of this.held) {
      whole.set(part, at);
      at += part.length;
    }
    this.held = [whole];
    return whole;
  }
}
