/** One of the messages that gRPC puts into a body, each behind a flag and its length (grpc/grpc doc/PROTOCOL-HTTP2.md). */
export interface FramedMessage {
  readonly compressed: boolean;
  /** What is there of it. */
  readonly bytes: Uint8Array;
  /** What it has in all. */
  readonly length: number;
}

/** Of one body: further ones are left out. */
export const maxMessages = 1000;
const prefixBytes = 5;
const compressedFlag = 1;

/** The messages of a body, the first of them; the last one may be cut off. A rest that is no beginning of one is left out. */
export function framedMessages(body: Uint8Array): FramedMessage[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const messages: FramedMessage[] = [];
  for (let at = 0; at + prefixBytes <= body.length && messages.length < maxMessages; ) {
    const length = view.getUint32(at + 1);
    const begin = at + prefixBytes;
    messages.push({
      compressed: (body[at] & compressedFlag) !== 0,
      bytes: body.subarray(begin, begin + length),
      length,
    });
    at = begin + length;
  }
  return messages;
}
