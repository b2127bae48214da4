import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Destination, GetDestinationSchema } from '../../api/gen/destination_pb.js';
import { FakeClock } from '../testing/fake-clock.ts';
import type { GrpcChannel, StreamHandlers } from './grpc/grpc-channel.ts';
import { Status } from './grpc/status.ts';
import { Watch } from './watch.ts';

function watch() {
  const clock = new FakeClock();
  const openedMs: number[] = [];
  const told: string[] = [];
  const streams: (StreamHandlers<never> & { cancelled: boolean })[] = [];
  const channel = {
    stream(_method: unknown, _request: unknown, given: StreamHandlers<never>) {
      openedMs.push(clock.nowMs());
      const stream = { ...given, cancelled: false };
      streams.push(stream);
      return () => {
        stream.cancelled = true;
      };
    },
  } as unknown as GrpcChannel;
  const watched = new Watch({
    channel: () => channel,
    method: Destination.method.get,
    request: create(GetDestinationSchema),
    timers: clock,
    random: () => 0,
    onMessage: (_message, first) => told.push(first ? 'all' : 'change'),
    onRefused: () => told.push('refused'),
    onLost: () => told.push('lost'),
  });
  /** Ends the stream, and lets time pass until it is opened again; returns how long that took. */
  const reopenedAfter = (code: number): number => {
    const opened = openedMs.length;
    const endedMs = clock.nowMs();
    streams.at(-1)!.onEnd(code, '');
    while (openedMs.length === opened) clock.advance(10);
    return openedMs.at(-1)! - endedMs;
  };
  return {
    watched,
    clock,
    openedMs,
    told,
    reopenedAfter,
    streams,
    end: (code: number, stream = streams.length - 1) => streams[stream].onEnd(code, ''),
    message: (stream = streams.length - 1) => streams[stream].onMessage({} as never),
    leave: (stream = streams.length - 1) => streams[stream].onLeaving?.(),
  };
}

it('asks soon again for what is not known yet, and seldom for what stays unknown', () => {
  const { told, reopenedAfter } = watch();
  const delaysMs = Array.from({ length: 9 }, () => reopenedAfter(Status.notFound));
  expect(delaysMs).toEqual([250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  expect(new Set(told)).toEqual(new Set(['refused']));
});

it('opens a stream that broke at once, and ever later while it breaks, until a message comes', () => {
  const { told, message, reopenedAfter } = watch();
  const breakStream = (): number => reopenedAfter(Status.unavailable);
  expect([breakStream(), breakStream(), breakStream()]).toEqual([100, 200, 400]);
  message();
  expect(breakStream()).toBe(100);
  expect(told).toEqual(['lost', 'lost', 'lost', 'all', 'lost']);
});

it('is live while the control plane speaks of the target, and lost when anything else ends the stream', () => {
  const { watched, message, reopenedAfter } = watch();
  expect(watched.isLive).toBe(false);
  message();
  expect(watched.isLive).toBe(true);
  for (const code of [Status.unavailable, Status.unimplemented, Status.internal, Status.ok]) {
    reopenedAfter(Status.notFound);
    expect(watched.isLive).toBe(true);
    reopenedAfter(code);
    expect(watched.isLive).toBe(false);
  }
  watched.close();
});

it('asks nothing more once it is closed', () => {
  const { watched, clock, openedMs, told, end } = watch();
  end(Status.unavailable);
  watched.close();
  clock.advance(60_000);
  expect([openedMs, told]).toEqual([[0], ['lost']]);
});

describe('when its connection takes no more calls', () => {
  it('opens another stream, and ends the former once that is answered: nothing is lost, nothing told twice', () => {
    const { watched, streams, told, message, leave } = watch();
    message();
    message();
    leave();
    expect(streams).toHaveLength(2);
    message(0);
    expect([told, streams[0].cancelled]).toEqual([['all', 'change', 'change'], false]);
    message(1);
    expect([told.slice(3), streams.map(({ cancelled }) => cancelled)]).toEqual([['all'], [true, false]]);
    message(1);
    expect([told.slice(4), watched.isLive]).toEqual([['change'], true]);
  });

  it('stays with the former stream while another cannot be had, and tries again ever later', () => {
    const { watched, clock, openedMs, told, end, message, leave } = watch();
    message();
    leave();
    for (let stream = 1; stream <= 3; stream++) {
      end(Status.unavailable, stream);
      message(0);
      clock.advance(100 * 2 ** (stream - 1));
      message(0);
    }
    expect(openedMs).toEqual([0, 0, 100, 300, 700]);
    expect([told.includes('lost'), watched.isLive]).toEqual([false, true]);
  });

  it('goes on with the other stream alone when the former ends first', () => {
    const { openedMs, told, end, message, leave } = watch();
    message();
    leave();
    end(Status.unavailable, 0);
    expect(told).toEqual(['all']);
    message(1);
    expect([told, openedMs]).toEqual([
      ['all', 'all'],
      [0, 0],
    ]);
  });

  it('is lost when both have ended, and opens one stream again', () => {
    const { clock, openedMs, told, end, message, leave } = watch();
    message();
    leave();
    end(Status.unavailable, 1);
    end(Status.unavailable, 0);
    clock.advance(60_000);
    expect([told, openedMs.length]).toEqual([['all', 'lost'], 3]);
  });

  it('moves on from a stream whose connection left before it was answered', () => {
    const { streams, message, leave } = watch();
    message();
    leave(0);
    leave(1);
    expect(streams).toHaveLength(2);
    message(1);
    expect(streams).toHaveLength(3);
    message(2);
    expect(streams.map(({ cancelled }) => cancelled)).toEqual([true, true, false]);
  });

  it('ends both streams when it is closed', () => {
    const { watched, streams, message, leave } = watch();
    message();
    leave();
    watched.close();
    expect(streams.map(({ cancelled }) => cancelled)).toEqual([true, true]);
  });
});
