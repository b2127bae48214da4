import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutputBuffer } from '../output-buffer.ts';
import { ErrorCode, type RequestHead, type Stream } from '../stream.ts';
import {
  answer,
  client,
  get,
  getHead,
  headers,
  ping,
  post,
  reset,
  response,
  server,
  update,
} from '../testing/http2-frames.ts';
import { StrictHandler } from '../testing/strict-handler.ts';
import { FrameType, Setting, uint32, writeFrame, writeGoAway } from './frame.ts';

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
    const { http2, transport, settings } = client();
    settings();
    const kept = new StrictHandler('head');
    http2.request(getHead, true, kept);
    let cancelled = 0;
    for (; http2.available && cancelled < 1000; cancelled++)
      http2.request(getHead, true, new StrictHandler('head'))?.reset(ErrorCode.cancel, 'cancelled');
    expect(cancelled).toBe(301);
    expect([http2.activeStreams, kept.over, transport.closed]).toEqual([1, false, false]);
  });

  it('sends no request before it knows how many the peer allows', () => {
    let told = 0;
    const { http2, settings, sent } = client(() => told++);
    expect([http2.greeted, http2.available]).toEqual([false, false]);
    expect(http2.request(getHead, true, new StrictHandler('head'))).toBe(undefined);
    expect([sent(), told]).toEqual([[], 0]);
    settings([Setting.maxConcurrentStreams, 2]);
    expect([http2.greeted, http2.available, told]).toEqual([true, true, 1]);
    while (http2.available) http2.request(getHead, true, new StrictHandler('head'));
    expect([http2.activeStreams, told]).toEqual([2, 1]);
  });

  it('is greeted but not available by a peer that allows nothing yet', () => {
    let told = 0;
    const { http2, settings } = client(() => told++);
    settings([Setting.maxConcurrentStreams, 0]);
    expect([http2.greeted, http2.available, told]).toEqual([true, false, 0]);
    settings();
    expect([http2.available, told]).toEqual([false, 0]);
    settings([Setting.maxConcurrentStreams, 1]);
    expect([http2.available, told]).toEqual([true, 1]);
  });

  it('takes no requests on a connection that the peer has broken', () => {
    const { http2, send, settings } = client();
    settings();
    send((out) => writeFrame(out, FrameType.ping, 0, 0, 7));
    expect([http2.available, http2.request(getHead, true, new StrictHandler('head'))]).toEqual([false, undefined]);
  });

  it('never has more streams open than allowed, and tells each time when it takes requests again', () => {
    const limit = fc.integer({ min: 0, max: 6 });
    const step = fc.oneof(
      limit.map((value) => ({ kind: 'limit' as const, value })),
      fc.constant({ kind: 'request' as const, value: 0 }),
      fc.record({ kind: fc.constantFrom('cancel' as const, 'answer' as const), value: fc.nat(10) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let allowed = 0;
        let open: { id: number; stream: Stream }[] = [];
        let nextId = 1;
        let told = 0;
        let expected = 0;
        const { http2, send, settings } = client(() => told++);
        for (const { kind, value } of steps) {
          const before = open.length < allowed;
          if (kind === 'limit') {
            allowed = value;
            settings([Setting.maxConcurrentStreams, value]);
          } else if (kind === 'request') {
            const stream = http2.request(getHead, true, new StrictHandler('head'));
            expect(stream !== undefined).toBe(before);
            if (stream !== undefined) open.push({ id: nextId, stream });
            if (stream !== undefined) nextId += 2;
          } else if (open.length > 0) {
            const chosen = open[value % open.length];
            open = open.filter((other) => other !== chosen);
            if (kind === 'cancel') chosen.stream.reset(ErrorCode.cancel, 'gone');
            else send((out) => answer(out, chosen.id));
          }
          const after = open.length < allowed;
          if (!before && after) expected++;
          expect([http2.available, http2.activeStreams, told]).toEqual([after, open.length, expected]);
        }
      }),
    );
  });
});

describe('a request that the peer refuses', () => {
  const refusals: [how: string, refuse: (out: OutputBuffer) => void][] = [
    ['by a reset', (out) => reset(out, 1, ErrorCode.refusedStream)],
    ['by going away', (out) => writeGoAway(out, 0, ErrorCode.noError, '')],
  ];
  const told = (refuse: (out: OutputBuffer) => void, ...blocks: number[][]): number[] => {
    const { http2, send, settings } = client();
    settings();
    const codes: number[] = [];
    const onReset = (code: number): void => void codes.push(code);
    http2.request(getHead, true, Object.assign(new StrictHandler('head'), { onReset }));
    for (const block of blocks) send((out) => headers(out, 1, false, block));
    send(refuse);
    return codes;
  };
  const status = (code: string): number[] => [0x08, 0x03, ...Buffer.from(code)];

  it.each(refusals)('%s may be sent again', (_how, refuse) => {
    expect(told(refuse)).toEqual([ErrorCode.refusedStream]);
  });

  it.each(refusals)('%s behind a part of its answer may not', (_how, refuse) => {
    expect(told(refuse, status('200'))).toEqual([ErrorCode.internalError]);
    expect(told(refuse, status('100'))).toEqual([ErrorCode.internalError]);
  });
});

it('a client cannot refuse: a request of which it says so is broken', () => {
  const { handlers, send } = server();
  send((out) => post(out, 1));
  const codes: number[] = [];
  Object.assign(handlers[0], { onReset: (code: number) => codes.push(code) });
  send((out) => reset(out, 1, ErrorCode.refusedStream));
  expect(codes).toEqual([ErrorCode.internalError]);
});

describe('extended CONNECT', () => {
  const head: RequestHead = { ...getHead, method: 'CONNECT', upgrade: 'websocket' };

  it('is sent to a peer that takes it', () => {
    const { http2, settings, sent } = client();
    settings([Setting.enableConnectProtocol, 1]);
    const handler = new StrictHandler('head');
    http2.request(head, false, handler)!.sendData(Buffer.from('early'), false);
    const types = sent().map(({ type }) => type);
    expect([types, handler.over]).toEqual([[FrameType.settings, FrameType.headers, FrameType.data], false]);
  });

  it('is refused for a peer that takes none', () => {
    const { http2, settings, sent } = client();
    settings();
    sent();
    const handler = new StrictHandler('head');
    http2.request(head, false, handler)!.sendData(Buffer.from('early'), true);
    expect([handler.over, sent(), http2.activeStreams]).toEqual([true, [], 0]);
  });
});
