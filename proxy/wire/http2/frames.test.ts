import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FieldTable } from '../field-table.ts';
import { ManualTurn, MemoryTransport } from '../testing/memory-transport.ts';
import { StrictHandler, strictListener } from '../testing/strict-handler.ts';
import { Http2Client } from './client.ts';
import { frameHeaderBytes, preface, putFrameHeader } from './frame.ts';
import { Http2Server } from './server.ts';

/** Any frames in any order, in well-formed envelopes, cut anywhere: what mutating bytes reaches only by chance. */
const anyFrame = fc.record({
  type: fc.integer({ min: 0, max: 10 }),
  flags: fc.constantFrom(0, 1, 4, 5, 8, 0x0d, 0x20, 0x2d, 0xff),
  id: fc.constantFrom(0, 1, 2, 3, 5, 7, 0x7fffffff),
  payload: fc.oneof(
    fc.constantFrom([0x83, 0x86, 0x84], [0x82, 0x86, 0x84, 0x41, 1, 0x61], [0x88], [0, 0, 0, 8], [0, 0, 0, 0], []),
    fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }),
  ),
});
const connection = fc.record({
  frames: fc.array(anyFrame, { maxLength: 40 }),
  piece: fc.integer({ min: 1, max: 200 }),
});

function bytesOf(
  frames: { type: number; flags: number; id: number; payload: readonly number[] }[],
  opening: Uint8Array,
): Buffer {
  const settings = new Uint8Array(frameHeaderBytes);
  putFrameHeader(settings, 0, 4, 0, 0, 0);
  const parts = frames.map(({ type, flags, id, payload }) => {
    const frame = new Uint8Array(frameHeaderBytes + payload.length);
    putFrameHeader(frame, 0, type, flags, id, payload.length);
    frame.set(payload, frameHeaderBytes);
    return frame;
  });
  return Buffer.concat([opening, settings, ...parts]);
}

function feed(
  bytes: Buffer,
  piece: number,
  codec: { onBytes(chunk: Uint8Array): void },
  transport: MemoryTransport,
  turn: ManualTurn,
): void {
  for (let at = 0; at < bytes.length && !transport.closed; at += piece) {
    codec.onBytes(new Uint8Array(bytes.subarray(at, at + piece)));
    turn.end();
  }
}

it('a server keeps its streams’ contract whatever frames come', () => {
  fc.assert(
    fc.property(connection, ({ frames, piece }) => {
      const transport = new MemoryTransport();
      const turn = new ManualTurn();
      const handlers: StrictHandler[] = [];
      const onRequest = strictListener((handler) => handlers.push(handler));
      const server = new Http2Server({ transport, turn, fields: new FieldTable(1), onRequest });
      feed(bytesOf(frames, preface), piece, server, transport, turn);
      server.onClose(undefined);
      expect(server.activeStreams).toBe(0);
    }),
    { numRuns: 500 },
  );
});

it('a client keeps its streams’ contract whatever frames come, and tells every request its end', () => {
  fc.assert(
    fc.property(connection, ({ frames, piece }) => {
      const transport = new MemoryTransport();
      const turn = new ManualTurn();
      const client = new Http2Client({
        transport,
        turn,
        fields: new FieldTable(1),
        onAvailable: () => {},
        onClosed: () => {},
      });
      client.onBytes(bytesOf([], new Uint8Array(0)));
      const handlers = ['GET', 'HEAD', 'POST'].map((method) => {
        const handler = new StrictHandler('head');
        const head = { method, scheme: 'http', authority: 'a', path: '/', contentLength: -1 };
        const end = method !== 'POST';
        handler.source = client.request(
          { ...head, upgrade: undefined, absoluteForm: false, fields: [], marks: 0 },
          end,
          handler,
        );
        return handler;
      });
      feed(bytesOf(frames, new Uint8Array(0)), piece, client, transport, turn);
      client.onClose(undefined);
      expect(handlers.map(({ over }) => over)).toEqual([true, true, true]);
    }),
    { numRuns: 500 },
  );
});
