import { FieldTable } from '../field-table.ts';
import { Http2Client } from '../http2/client.ts';
import { Flag, FrameType, preface, putUint32, writeFrame, writeSettings } from '../http2/frame.ts';
import { Http2Server } from '../http2/server.ts';
import { OutputBuffer } from '../output-buffer.ts';
import type { ErrorCode, RequestHead, ServerStream } from '../stream.ts';
import { ManualTurn, MemoryTransport } from './memory-transport.ts';
import { StrictHandler } from './strict-handler.ts';

/** A server with a connected client's SETTINGS read; `send` and `sent` are frames to and from it. */
export function server(windowBytes = 65_535) {
  const transport = new MemoryTransport();
  const turn = new ManualTurn();
  const streams: ServerStream[] = [];
  const handlers: StrictHandler[] = [];
  const http2 = new Http2Server({
    transport,
    turn,
    fields: new FieldTable(1),
    onRequest: (stream, _head, end) => {
      streams.push(stream);
      handlers.push(new StrictHandler(end ? 'ended' : 'body'));
      return handlers[handlers.length - 1];
    },
  });
  const send = (write: (out: OutputBuffer) => void): void => {
    const out = new OutputBuffer();
    write(out);
    http2.onBytes(out.take());
    turn.end();
  };
  send((out) => {
    out.append(preface);
    writeSettings(out, [[4, windowBytes]]);
  });
  transport.take();
  /** What was sent since the last call. */
  const sent = (): Frame[] => {
    turn.end();
    return framesOf(transport.take());
  };
  return { http2, transport, turn, streams, handlers, send, sent };
}

/** A client that has written its preface; `settings` are those that its peer sends. */
export function client(onAvailable: () => void = () => {}) {
  const transport = new MemoryTransport();
  const turn = new ManualTurn();
  const http2 = new Http2Client({ transport, turn, fields: new FieldTable(1), onAvailable, onClosed: () => {} });
  const send = (write: (out: OutputBuffer) => void): void => {
    const out = new OutputBuffer();
    write(out);
    http2.onBytes(out.take());
    turn.end();
  };
  const settings = (...given: [number, number][]): void => send((out) => writeSettings(out, given));
  turn.end();
  transport.take();
  /** What was sent since the last call. */
  const sent = (): Frame[] => {
    turn.end();
    return framesOf(transport.take());
  };
  return { http2, transport, send, settings, sent };
}

export interface Frame {
  readonly type: number;
  readonly id: number;
  readonly payload: Buffer;
}

function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    frames.push({ type: bytes[at + 3], id: bytes.readUInt32BE(at + 5), payload: bytes.subarray(at + 9, end) });
    at = end;
  }
  return frames;
}

const requestBlock = [0x82, 0x86, 0x84, 0x41, 0x01, 0x61];

export const headers = (out: OutputBuffer, id: number, end: boolean, block: readonly number[]): void => {
  const flags = Flag.endHeaders | (end ? Flag.endStream : 0);
  const at = writeFrame(out, FrameType.headers, flags, id, block.length);
  out.bytes.set(block, at);
};
/** A request without a body. */
export const get = (out: OutputBuffer, id: number): void => headers(out, id, true, requestBlock);
/** The head of a request that has a body. */
export const post = (out: OutputBuffer, id: number): void => headers(out, id, false, requestBlock);
/** A response without a body. */
export const answer = (out: OutputBuffer, id: number): void => headers(out, id, true, [0x88]);
export const data = (out: OutputBuffer, id: number, bytes: number, end = false): void => {
  writeFrame(out, FrameType.data, end ? Flag.endStream : 0, id, bytes);
};
export const reset = (out: OutputBuffer, id: number, code: ErrorCode): void => {
  const at = writeFrame(out, FrameType.rstStream, 0, id, 4);
  putUint32(out.bytes, at, code);
};
export const update = (out: OutputBuffer, id: number, bytes: number): void => {
  const at = writeFrame(out, FrameType.windowUpdate, 0, id, 4);
  putUint32(out.bytes, at, bytes);
};
export const ping = (out: OutputBuffer): void => {
  out.bytes.fill(0, writeFrame(out, FrameType.ping, 0, 0, 8), out.length);
};
export const response = { status: 200, contentLength: -1, upgrade: undefined, fields: [], marks: 0 };

export const getHead: RequestHead = {
  ...{ method: 'GET', scheme: 'http', authority: 'a', path: '/', contentLength: -1 },
  ...{ upgrade: undefined, absoluteForm: false, fields: [], marks: 0 },
};
