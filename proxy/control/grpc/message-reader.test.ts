import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FramingError, frameMessage, MessageReader } from './message-reader.ts';

function read(chunks: readonly Uint8Array[], maxBytes = 1000): { messages: string[]; complete: boolean } {
  const messages: string[] = [];
  const reader = new MessageReader(maxBytes, (message) => messages.push(Buffer.from(message).toString('latin1')));
  for (const chunk of chunks) {
    const reused = new Uint8Array(chunk);
    reader.push(reused);
    // What the caller lent is written over after the call.
    reused.fill(0xff);
  }
  return { messages, complete: reader.complete };
}

describe('messages of a gRPC stream', () => {
  it('come out as they went in, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 50 }),
        (messages, sizes) => {
          const bytes = Buffer.concat(messages.map(frameMessage));
          const chunks: Uint8Array[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length];
            chunks.push(bytes.subarray(at, at + size));
            at += size;
          }
          const { messages: got, complete } = read(chunks);
          expect(got).toEqual(messages.map((message) => Buffer.from(message).toString('latin1')));
          expect(complete).toBe(true);
        },
      ),
    );
  });

  it('of more than the limit are refused by their length alone', () => {
    expect(() => read([frameMessage(new Uint8Array(1001)).subarray(0, 5)])).toThrow(
      new FramingError('a message of 1001 bytes, more than the 1000 that are taken'),
    );
  });

  it('that are compressed are refused', () => {
    expect(() => read([Uint8Array.of(1, 0, 0, 0, 0)])).toThrow('a compressed message, which was not asked for');
  });

  it('that break off are known to be incomplete', () => {
    expect(read([frameMessage(Buffer.from('hello')).subarray(0, 7)])).toEqual({ messages: [], complete: false });
  });
});
