import { expect, it, onTestFinished, vi } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import type { RequestHead, ServerStream } from '../wire/stream.ts';
import { Scrapes } from './scrapes.ts';

const head = { method: 'GET', fields: [] } as unknown as RequestHead;

function scrapes(metrics: () => Iterable<string>) {
  const clock = new FakeClock();
  const scrapes = new Scrapes(clock, metrics);
  const begin = (host?: string) => {
    const sent: string[] = [];
    const reset = vi.fn();
    const stream = {
      sendResponse: () => {},
      sendData: (chunk: Uint8Array, end: boolean) => void sent.push(end ? 'end' : String(chunk)),
      reset,
    } as unknown as ServerStream;
    return { handler: scrapes.begin(stream, head, host), sent, reset };
  };
  return { clock, begin };
}

/** The event loop's turns, of which a scrape takes one for each piece. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

it('a client that does not read is given no more than it has room for, and goes on when it reads', async () => {
  let made = 0;
  const { begin } = scrapes(function* () {
    for (; made < 100; made++) yield 'x'.repeat(10_000);
  });
  const { handler, sent } = begin();
  await turns(200);
  expect(made).toBeLessThan(8);
  while (sent.at(-1) !== 'end') {
    handler?.onSent(made * 10_000);
    await turns(20);
  }
  expect(sent).toHaveLength(101);
});

it('a scrape that is not taken within 30 seconds is broken off, and nothing more is made of it', async () => {
  let made = 0;
  const { begin, clock } = scrapes(function* () {
    for (;;) yield `${made++}${'x'.repeat(100_000)}`;
  });
  const { reset } = begin();
  await turns(5);
  clock.advance(31_000);
  await turns(5);
  expect([reset.mock.calls.length, made]).toEqual([1, 1]);
});

it('another host has four at once, all together sixteen, and what is over makes room', async () => {
  const { begin } = scrapes(() => ['x'.repeat(100_000)]);
  const ofHost = (host: string | undefined, count: number) => Array.from({ length: count }, () => begin(host).handler);
  const first = ofHost('10.9.0.1', 5);
  expect(first.map((handler) => handler !== undefined)).toEqual([true, true, true, true, false]);
  expect(ofHost(undefined, 13).filter((handler) => handler !== undefined)).toHaveLength(12);
  expect(begin('10.9.0.2').handler).toBeUndefined();
  first[0]?.onReset(0, 'gone');
  expect(begin('10.9.0.2').handler).toBeDefined();
});

it('a scrape whose client is gone makes no more pieces', async () => {
  const closed = vi.fn();
  onTestFinished(() => expect(closed).toHaveBeenCalledTimes(1));
  const { begin } = scrapes(function* () {
    try {
      for (;;) yield 'x';
    } finally {
      closed();
    }
  });
  const { handler } = begin();
  await turns(3);
  handler?.onReset(0, 'gone');
  await turns(3);
});
