/** Of one message: events are a few KB. */
const maxMessageBytes = 1024 * 1024;
const lengthBytes = 4;

/** Cuts what the tap API streams into messages, each behind its length in four bytes, least first (linkerd2 pkg/protohttp). */
export class FrameReader {
  private readonly onMessage: (message: Uint8Array) => void;
  private held: Buffer = Buffer.alloc(0);

  constructor(onMessage: (message: Uint8Array) => void) {
    this.onMessage = onMessage;
  }

  /** Throws when the bytes are no such stream. */
  push(chunk: Buffer): void {
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    for (;;) {
      if (this.held.length < lengthBytes) return;
      const length = this.held.readUInt32LE(0);
      if (length > maxMessageBytes)
        throw new Error(`a message of ${length} bytes, more than the ${maxMessageBytes} that are taken`);
      if (this.held.length < lengthBytes + length) return;
      const message = this.held.subarray(lengthBytes, lengthBytes + length);
      this.held = this.held.subarray(lengthBytes + length);
      this.onMessage(message);
    }
  }
}
