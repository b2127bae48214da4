import { describe, expect, it, vi } from 'vitest';
import { defaultDeadlines } from '../deadlines.ts';
import { ErrorCode } from '../stream.ts';
import { client, data, getHead, headers, post, reset, response, server, update } from '../testing/http2-frames.ts';
import { Gather, ourClient } from '../testing/http2-peers.ts';
import { StrictHandler } from '../testing/strict-handler.ts';
import { FrameType, Setting, uint32 } from './frame.ts';

/** Answers that come before their requests have ended. */

const codesOf = (frames: readonly { type: number; payload: Buffer }[]): number[] =>
  frames.filter(({ type }) => type === FrameType.rstStream).map(({ payload }) => uint32(payload, 0));
const typesOf = (frames: readonly { type: number }[]): number[] => frames.map(({ type }) => type);
/** `a: b` */
const trailers = [0x00, 0x01, 0x61, 0x01, 0x62];
const { closeMs, stallMs } = defaultDeadlines;
/** More than any budget lets pass. */
const many = 5_000;

describe('a client that has its answer', () => {
  const postHead = { ...getHead, method: 'POST' };

  it('gives up the rest of its request, and all that it held for it', () => {
    const { http2, send, settings, sent } = client();
    settings([Setting.initialWindowSize, 10]);
    const handler = new StrictHandler('head');
    const stream = http2.request(postHead, false, handler)!;
    stream.sendData(new Uint8Array(1000), false);
    send((out) => headers(out, 1, true, [0x88]));
    sent();
    stream.reset(ErrorCode.noError, 'answered');
    send((out) => update(out, 1, 1000));
    expect([codesOf(sent()), http2.activeStreams]).toEqual([[ErrorCode.cancel], 0]);
  });

  it('is not one that cancels: its connection goes on, at a pace that servers allow', () => {
    const { http2, send, settings } = client();
    settings();
    for (let i = 0; i < many && http2.available; i++) {
      const stream = http2.request(postHead, false, new StrictHandler('head'))!;
      send((out) => headers(out, 2 * i + 1, true, [0x88]));
      stream.reset(ErrorCode.noError, 'answered');
      if (i % 30 === 0) http2.checkDeadlines((i / 30) * 1000);
    }
    expect([http2.available, http2.activeStreams]).toEqual([true, 0]);
  });

  it("takes no new requests before a server like Node's would end the connection", async () => {
    const closed: number[] = [];
    const node = await ourClient((stream) => {
      stream.on('error', () => {});
      stream.on('close', () => closed.push(stream.rstCode));
      stream.respond({ ':status': 401 });
      stream.end('no');
    });
    let requests = 0;
    for (; requests < many && node.available; requests++) {
      const got = new Gather();
      const stream = node.request(postHead, false, got)!;
      stream.sendData(new Uint8Array(1000), false);
      await got.done;
      stream.reset(ErrorCode.noError, 'answered');
      expect([got.head?.status, got.reset]).toEqual([401, undefined]);
    }
    expect(requests).toBe(801);
    await vi.waitFor(() => expect(closed.length).toBe(801));
    expect(closed.every((code) => code === ErrorCode.noError || code === ErrorCode.cancel)).toBe(true);
  });
});

describe('a server that has answered', () => {
  it('does not mind that clients give up the rest of their requests', () => {
    const { http2, streams, send, sent } = server();
    for (let i = 0; i < many; i++) {
      send((out) => post(out, 2 * i + 1));
      streams[i].sendResponse(response, true);
      send((out) => reset(out, 2 * i + 1, ErrorCode.cancel));
    }
    expect([http2.activeStreams, typesOf(sent()).includes(FrameType.goAway)]).toEqual([0, false]);
  });

  it('does not mind either when both sides give it up at once', () => {
    const { http2, streams, send, sent } = server();
    for (let i = 0; i < many; i++) {
      send((out) => post(out, 2 * i + 1));
      streams[i].sendResponse(response, true);
      streams[i].reset(ErrorCode.noError, 'answered');
      send((out) => reset(out, 2 * i + 1, ErrorCode.cancel));
    }
    expect([http2.activeStreams, typesOf(sent()).includes(FrameType.goAway)]).toEqual([0, false]);
  });

  it('ends a connection whose client cancels again and again before the answer', () => {
    const { streams, send, sent } = server();
    let ended = -1;
    for (let i = 0; i < many && ended < 0; i++) {
      send((out) => post(out, 2 * i + 1));
      streams[i].sendResponse(response, false);
      send((out) => reset(out, 2 * i + 1, ErrorCode.cancel));
      if (typesOf(sent()).includes(FrameType.goAway)) ended = i;
    }
    expect(ended).toBe(1000);
  });

  it('reads on and drops what comes, which is told to nobody, until the client ends it', () => {
    const { http2, streams, handlers, send, sent } = server();
    send((out) => post(out, 1));
    streams[0].sendResponse(response, true);
    streams[0].reset(ErrorCode.noError, 'answered');
    sent();
    let credit = 65_535;
    for (let i = 0; i < 100; i++) {
      send((out) => data(out, 1, 10_000));
      credit -= 10_000;
      for (const { type, id, payload } of sent())
        if (type === FrameType.windowUpdate && id === 1) credit += uint32(payload, 0);
      expect(credit).toBeGreaterThan(10_000);
    }
    send((out) => data(out, 1, 5, true));
    const frames = sent();
    expect([codesOf(frames), http2.activeStreams]).toEqual([[], 0]);
    // The sign that some clients wait for.
    expect(frames.map(({ type, id }) => [type, id])).toEqual([[FrameType.windowUpdate, 0]]);
    expect([handlers[0].bodyBytes, handlers[0].over]).toEqual([0, false]);
  });

  it('ends a request that goes on for too long', () => {
    const { http2, streams, send, sent } = server();
    send((out) => post(out, 1));
    streams[0].sendResponse(response, false);
    streams[0].sendData(new Uint8Array(10), true);
    streams[0].reset(ErrorCode.noError, 'answered');
    http2.checkDeadlines(0);
    http2.checkDeadlines(closeMs - 1);
    expect([codesOf(sent()), http2.activeStreams]).toEqual([[], 1]);
    http2.checkDeadlines(closeMs);
    expect([codesOf(sent()), http2.activeStreams]).toEqual([[ErrorCode.noError], 0]);
  });

  it.each([
    ['data', FrameType.data],
    ['trailers', FrameType.headers],
  ])('sends an answer whole that waits for its window, and ends with %s', (ending, last) => {
    const { http2, streams, handlers, send, sent } = server(10);
    send((out) => post(out, 1));
    streams[0].sendResponse(response, false);
    streams[0].sendData(new Uint8Array(30), ending === 'data');
    if (ending === 'trailers') streams[0].sendTrailers([]);
    streams[0].reset(ErrorCode.noError, 'answered');
    expect([typesOf(sent()), http2.activeStreams]).toEqual([[FrameType.headers, FrameType.data], 1]);
    send((out) => {
      data(out, 1, 100);
      update(out, 1, 10);
    });
    expect([typesOf(sent()), handlers[0].bodyBytes]).toEqual([[FrameType.data], 0]);
    http2.checkDeadlines(0);
    http2.checkDeadlines(closeMs);
    send((out) => update(out, 1, 10));
    expect(typesOf(sent())).toEqual(ending === 'data' ? [last] : [FrameType.data, last]);
    // Only now does the request go on for nothing.
    http2.checkDeadlines(closeMs + 1);
    expect([codesOf(sent()), http2.activeStreams]).toEqual([[], 1]);
    http2.checkDeadlines(2 * closeMs + 1);
    expect([codesOf(sent()), http2.activeStreams, handlers[0].over]).toEqual([[ErrorCode.noError], 0, false]);
  });

  it('resets nothing when the request has ended before the answer has left', () => {
    const { http2, streams, handlers, send, sent } = server(10);
    send((out) => post(out, 1));
    streams[0].sendResponse(response, false);
    streams[0].sendData(new Uint8Array(20), true);
    streams[0].reset(ErrorCode.noError, 'answered');
    send((out) => data(out, 1, 5, true));
    send((out) => update(out, 1, 10));
    expect([codesOf(sent()), http2.activeStreams, handlers[0].over]).toEqual([[], 0, false]);
  });

  it('forgets an answer that nobody takes', () => {
    const { http2, streams, send, sent } = server(10);
    send((out) => post(out, 1));
    streams[0].sendResponse(response, false);
    streams[0].sendData(new Uint8Array(30), true);
    streams[0].reset(ErrorCode.noError, 'answered');
    http2.checkDeadlines(0);
    http2.checkDeadlines(stallMs);
    expect([codesOf(sent()), http2.activeStreams]).toEqual([[ErrorCode.cancel], 0]);
  });
});

describe('a server that has reset streams', () => {
  it('drops all that was on its way to them, and gives the connection its credit back', () => {
    const { streams, send, sent } = server();
    let credit = 0;
    for (let i = 0; i < 300; i++) {
      const id = 2 * i + 1;
      send((out) => post(out, id));
      streams[i].reset(ErrorCode.internalError, 'failed');
      for (let frame = 0; frame < 65; frame++) send((out) => data(out, id, 1000));
      // An end with data, without, or with trailers.
      if (i % 3 === 0) send((out) => data(out, id, 535, true));
      if (i % 3 === 1) send((out) => data(out, id, 0, true));
      if (i % 3 === 2) send((out) => headers(out, id, true, trailers));
      const frames = sent();
      for (const { type, payload } of frames) if (type === FrameType.windowUpdate) credit += uint32(payload, 0);
      expect([codesOf(frames), typesOf(frames).includes(FrameType.goAway)]).toEqual([[ErrorCode.internalError], false]);
    }
    expect(credit).toBeGreaterThan(300 * 65_000 - 1024 * 1024);
  });

  it('does not mind that their client resets them too', () => {
    const { streams, send, sent } = server();
    for (let i = 0; i < many; i++) {
      send((out) => post(out, 2 * i + 1));
      streams[i].reset(ErrorCode.internalError, 'failed');
      send((out) => reset(out, 2 * i + 1, ErrorCode.cancel));
    }
    expect(typesOf(sent()).includes(FrameType.goAway)).toBe(false);
  });

  it('tells off what no stream that it reset explains', () => {
    const { streams, send, sent } = server();
    send((out) => post(out, 1));
    send((out) => data(out, 1, 1000, true));
    streams[0].sendResponse(response, true);
    sent();
    send((out) => data(out, 1, 1));
    expect(codesOf(sent())).toEqual([ErrorCode.streamClosed]);
    send((out) => headers(out, 1, true, trailers));
    expect(typesOf(sent())).toEqual([FrameType.goAway]);
  });
});
