import { describe, expect, it } from 'vitest';
import { FieldTable } from '../field-table.ts';
import { OutputBuffer } from '../output-buffer.ts';
import { ErrorCode, type RequestHead, type ServerStream } from '../stream.ts';
import { ManualTurn, MemoryTransport } from '../testing/memory-transport.ts';
import { StrictHandler } from '../testing/strict-handler.ts';
import { Http2Client } from './client.ts';
import { Flag, FrameType, preface, putUint32, Setting, uint32, writeFrame, writeSettings } from './frame.ts';
import { Http2Server } from './server.ts';

/** A server with a connected client's SETTINGS read; `send` and `sent` are frames to and from it. */
function server(windowBytes = 65_535) {
  const transport = new MemoryTransport();
  const turn = new ManualTurn();
  const streams: ServerStream[] = [];
  const http2 = new Http2Server({
    transport,
    turn,
    fields: new FieldTable(1),
    onRequest: (stream, _head, end) => {
      streams.push(stream);
      return new StrictHandler(end ? 'ended' : 'body');
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
  const sent = (): Frame[] => framesOf(transport.take());
  return { http2, transport, turn, streams, send, sent };
}

/** A client that has written its preface. */
function client() {
  const transport = new MemoryTransport();
  const turn = new ManualTurn();
  const options = { transport, turn, fields: new FieldTable(1), onAvailable: () => {}, onClosed: () => {} };
  const http2 = new Http2Client(options);
  turn.end();
  transport.take();
  return { http2, transport, turn };
}

interface Frame {
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

const get = (out: OutputBuffer, id: number): void => {
  const at = writeFrame(out, FrameType.headers, Flag.endHeaders | Flag.endStream, id, 6);
  out.bytes.set([0x82, 0x86, 0x84, 0x41, 0x01, 0x61], at);
};
const update = (out: OutputBuffer, id: number, bytes: number): void => {
  const at = writeFrame(out, FrameType.windowUpdate, 0, id, 4);
  putUint32(out.bytes, at, bytes);
};
const ping = (out: OutputBuffer): void => {
  out.bytes.fill(0, writeFrame(out, FrameType.ping, 0, 0, 8), out.length);
};
const response = { status: 200, contentLength: -1, upgrade: undefined, fields: [], marks: 0 };

describe('what a peer may do for ever', () => {
  it('ping now and then on a connection that is idle otherwise', () => {
    const { http2, send, sent } = server();
    for (let i = 0; i < 10_000; i++) {
      send(ping);
      http2.checkDeadlines(i * 10_000);
    }
    expect(sent().every(({ type }) => type === FrameType.ping)).toBe(true);
  });

  it('give credit in small pieces for one long download', () => {
    const { streams, send, sent } = server();
    send((out) => get(out, 1));
    streams[0].sendResponse(response, false);
    const piece = new Uint8Array(16_384);
    for (let i = 0; i < 20_000; i++) {
      streams[0].sendData(piece, false);
      send((out) => {
        for (let part = 0; part < 4; part++) {
          update(out, 0, piece.length / 4);
          update(out, 1, piece.length / 4);
        }
      });
      if (i % 100 === 0) expect(sent().some(({ type }) => type === FrameType.goAway)).toBe(false);
    }
  });
});

describe('deadlines', () => {
  const options = { headMs: 30_000, stallMs: 300_000 };

  it('a stream whose window stays shut is ended, one whose window opens now and then is not', () => {
    const { http2, streams, send, sent } = server(0);
    send((out) => {
      get(out, 1);
      get(out, 3);
    });
    for (const stream of streams) {
      stream.sendResponse(response, false);
      stream.sendData(new Uint8Array(1000), false);
    }
    sent();
    for (let ms = 0; ms <= options.stallMs + 2000; ms += 1000) {
      http2.checkDeadlines(ms);
      if (ms % 60_000 === 0) send((out) => update(out, 3, 1));
    }
    send(() => {});
    const resets = sent().filter(({ type }) => type === FrameType.rstStream);
    expect(resets.map(({ id, payload }) => [id, uint32(payload, 0)])).toEqual([[1, ErrorCode.cancel]]);
    expect(http2.activeStreams).toBe(1);
  });

  it('a socket that stays full is closed', () => {
    const { http2, transport } = server();
    transport.blocked = true;
    http2.checkDeadlines(0);
    http2.checkDeadlines(options.stallMs - 1);
    expect(transport.aborted).toBe(false);
    http2.checkDeadlines(options.stallMs);
    expect(transport.aborted).toBe(true);
  });

  it('frames that come slowly but come are no slow frame', () => {
    const { http2, send, sent } = server();
    const out = new OutputBuffer();
    ping(out);
    const frame = out.take();
    for (let i = 0; i < 100; i++) {
      http2.onBytes(frame.slice(0, 5));
      http2.checkDeadlines(i * 20_000);
      http2.onBytes(frame.slice(5));
    }
    send(() => {});
    expect(sent().some(({ type }) => type === FrameType.goAway)).toBe(false);
  });
});

describe('a client', () => {
  it('takes no new requests once it has cancelled many, so that no server ends the connection on the others', () => {
    const { http2, transport } = client();
    const head: RequestHead = {
      method: 'GET',
      scheme: 'http',
      authority: 'a',
      path: '/',
      contentLength: -1,
      upgrade: undefined,
      absoluteForm: false,
      fields: [],
      marks: 0,
    };
    const kept = new StrictHandler('head');
    http2.request(head, true, kept);
    let cancelled = 0;
    for (; http2.available && cancelled < 1000; cancelled++)
      http2.request(head, true, new StrictHandler('head'))?.reset(ErrorCode.cancel, 'cancelled');
    expect(cancelled).toBe(301);
    expect([http2.activeStreams, kept.over, transport.closed]).toEqual([1, false, false]);
  });
});

describe('extended CONNECT', () => {
  const head: RequestHead = {
    ...{ method: 'CONNECT', scheme: 'http', authority: 'a', path: '/', contentLength: -1 },
    ...{ upgrade: 'websocket', absoluteForm: false, fields: [], marks: 0 },
  };

  /** `settings` are those of the client's peer. */
  function connecting() {
    const { http2, transport, turn } = client();
    const settings = (...given: [number, number][]): void => {
      const out = new OutputBuffer();
      writeSettings(out, given);
      http2.onBytes(out.take());
      turn.end();
    };
    /** Types of the frames that were sent since the last call, but for acknowledgements. */
    const sent = (): number[] => {
      turn.end();
      const types = framesOf(transport.take()).map(({ type }) => type);
      return types.filter((type) => type !== FrameType.settings);
    };
    const handler = new StrictHandler('head');
    return { http2, settings, sent, handler };
  }
  const takesIt: [number, number] = [Setting.enableConnectProtocol, 1];

  it('waits for the SETTINGS of the peer, and what is sent on it waits behind it', () => {
    const { http2, settings, sent, handler } = connecting();
    const stream = http2.request(head, false, handler)!;
    const chunk = Buffer.from('early');
    stream.sendData(chunk, false);
    chunk.fill(0);
    expect([sent(), http2.activeStreams]).toEqual([[], 1]);
    http2.request({ ...head, method: 'GET', upgrade: undefined }, true, new StrictHandler('head'));
    settings(takesIt);
    stream.sendData(Buffer.from('late'), true);
    expect([sent(), http2.activeStreams, handler.over]).toEqual([
      [FrameType.headers, FrameType.headers, FrameType.data, FrameType.data],
      2,
      false,
    ]);
  });

  it('is refused when the peer turns out to take none, and at once when that is known', () => {
    const { http2, settings, sent, handler } = connecting();
    http2.request(head, false, handler)!.sendData(Buffer.from('early'), true);
    settings();
    const second = new StrictHandler('head');
    http2.request(head, false, second);
    expect([handler.over, second.over, sent(), http2.activeStreams]).toEqual([true, true, [], 0]);
  });

  it('is never sent when it is given up before', () => {
    const { http2, settings, sent, handler } = connecting();
    http2.request(head, false, handler)!.reset(ErrorCode.cancel, 'gone');
    settings(takesIt);
    expect([handler.over, sent(), http2.activeStreams]).toEqual([false, [], 0]);
  });

  it('may go to another connection when this one ends before', () => {
    const { http2 } = connecting();
    const codes: number[] = [];
    const onReset = (code: number): void => void codes.push(code);
    http2.request(head, false, Object.assign(new StrictHandler('head'), { onReset }));
    http2.onClose(undefined);
    expect([codes, http2.activeStreams]).toEqual([[ErrorCode.refusedStream], 0]);
  });
});
