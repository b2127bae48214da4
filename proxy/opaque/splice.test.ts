import { beforeEach, expect, it } from 'vitest';
import { MemoryTransport } from '../wire/testing/memory-transport.ts';
import type { Connection } from '../wire/transport.ts';
import { splice } from './splice.ts';

let a: MemoryTransport & Connection;
let b: MemoryTransport & Connection;
let ends: (Error | undefined)[];

beforeEach(() => {
  a = new MemoryTransport() as MemoryTransport & Connection;
  b = new MemoryTransport() as MemoryTransport & Connection;
  ends = [];
  splice(a, b, (error) => ends.push(error));
});

it('bytes go both ways', () => {
  a.handler.onBytes(Buffer.from('ping'));
  b.handler.onBytes(Buffer.from('pong'));
  expect([a.take().toString(), b.take().toString()]).toEqual(['pong', 'ping']);
});

it('a slow reader stops the writer until it has caught up', () => {
  b.blocked = true;
  a.handler.onBytes(Buffer.from('much'));
  expect(a.paused).toBe(true);
  b.unblock();
  expect(a.paused).toBe(false);
});

it('a half-close is passed on as one: the other direction goes on', () => {
  a.handler.onEnd();
  expect([b.ended, b.closed]).toEqual([true, false]);
  b.handler.onBytes(Buffer.from('still'));
  expect(a.take().toString()).toBe('still');
});

it('a broken connection breaks the other, and is told once both are gone', () => {
  const error = new Error('ECONNRESET');
  a.handler.onClose(error);
  expect([b.aborted, ends]).toEqual([true, []]);
  b.handler.onClose(undefined);
  expect(ends).toEqual([error]);
});
