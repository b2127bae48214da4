import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { Destination, GetDestinationSchema } from '../../api/gen/destination_pb.js';
import { FakeClock } from '../testing/fake-clock.ts';
import type { GrpcChannel, StreamHandlers } from './grpc/grpc-channel.ts';
import { Status } from './grpc/status.ts';
import { Watch } from './watch.ts';

function watch() {
  const clock = new FakeClock();
  const openedMs: number[] = [];
  const told: string[] = [];
  let handlers: StreamHandlers<never>;
  const channel = {
    stream(_method: unknown, _request: unknown, given: StreamHandlers<never>) {
      openedMs.push(clock.nowMs());
      handlers = given;
      return () => {};
    },
  } as unknown as GrpcChannel;
  const watched = new Watch({
    channel: () => channel,
    method: Destination.method.get,
    request: create(GetDestinationSchema),
    timers: clock,
    random: () => 0,
    onMessage: () => told.push('message'),
    onRefused: () => told.push('refused'),
    onLost: () => told.push('lost'),
  });
  /** Ends the stream, and lets time pass until it is opened again; returns how long that took. */
  const reopenedAfter = (code: number): number => {
    const opened = openedMs.length;
    const endedMs = clock.nowMs();
    handlers.onEnd(code, '');
    while (openedMs.length === opened) clock.advance(10);
    return openedMs.at(-1)! - endedMs;
  };
  return {
    watched,
    clock,
    openedMs,
    told,
    reopenedAfter,
    end: (code: number) => handlers.onEnd(code, ''),
    message: () => handlers.onMessage({} as never),
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
  expect(told).toEqual(['lost', 'lost', 'lost', 'message', 'lost']);
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
