import { expect, it } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { nobody } from '../wire/nobody.ts';
import { MemoryTransport } from '../wire/testing/memory-transport.ts';
import type { Connection, TransportHandler } from '../wire/transport.ts';
import { Hold } from './hold.ts';
import { peek } from './peek.ts';

const connection = (): MemoryTransport & Connection => new MemoryTransport() as MemoryTransport & Connection;

/** Decides on three bytes, or when no more will come; the next owner keeps what it gets. */
function peeked() {
  const clock = new FakeClock();
  const transport = connection();
  const decisions: [string, boolean][] = [];
  const events: string[] = [];
  const owner: TransportHandler = {
    ...nobody,
    onBytes: (chunk) => events.push(Buffer.from(chunk).toString()),
    onEnd: () => events.push('end'),
  };
  const decide = (bytes: Uint8Array, final: boolean): boolean => {
    decisions.push([Buffer.from(bytes).toString(), final]);
    if (bytes.length < 3 && !final) return false;
    transport.handler = owner;
    return true;
  };
  peek(transport, { timeoutMs: 1000, limitBytes: 8 }, clock, decide, () => events.push('gone'));
  return { clock, transport, decisions, events };
}

it('bytes are gathered until they decide; the buffer they came in may be used again', () => {
  const { transport, decisions } = peeked();
  const buffer = new Uint8Array([0x61]);
  transport.handler.onBytes(buffer);
  buffer.fill(0);
  transport.handler.onBytes(Buffer.from('bc'));
  expect(decisions).toEqual([
    ['a', false],
    ['abc', false],
  ]);
});

it('after the time it must be decided with what there is', () => {
  const { clock, transport, decisions } = peeked();
  transport.handler.onBytes(Buffer.from('a'));
  clock.advance(999);
  expect(decisions).toHaveLength(1);
  clock.advance(1);
  expect(decisions.at(-1)).toEqual(['a', true]);
  clock.advance(5000);
  expect(decisions).toHaveLength(2);
});

it('a FIN decides too, and the next owner learns of it', () => {
  const { transport, decisions, events } = peeked();
  transport.handler.onEnd();
  expect([decisions, events]).toEqual([[['', true]], ['end']]);
});

it('a connection that was refused is not decided on again when it closes', () => {
  const transport = connection();
  let decisions = 0;
  const refuse = (): boolean => {
    decisions++;
    // What breaking a socket brings about, within the call.
    transport.handler.onEnd();
    transport.handler.onClose(undefined);
    return true;
  };
  peek(transport, { timeoutMs: 1000, limitBytes: 8 }, new FakeClock(), refuse, () => {});
  transport.handler.onBytes(Buffer.from('a'));
  expect(decisions).toBe(1);
});

it('a connection that closes before is told of, once', () => {
  const { clock, transport, decisions, events } = peeked();
  transport.handler.onClose(undefined);
  clock.advance(5000);
  expect([decisions, events]).toEqual([[], ['gone']]);
});

it('a held connection keeps bytes and FIN for its next owner', () => {
  const transport = connection();
  const events: string[] = [];
  const held = new Hold(transport, Buffer.from('first '), () => events.push('gone'));
  expect(transport.paused).toBe(true);
  transport.handler.onBytes(Buffer.from('second'));
  transport.handler.onEnd();
  held.release((bytes) => {
    events.push(Buffer.from(bytes).toString());
    transport.handler = { ...nobody, onEnd: () => events.push('end') };
  });
  expect([events, transport.paused]).toEqual([['first second', 'end'], false]);
});

it('a held connection that closes is not handed on', () => {
  const transport = connection();
  let gone = 0;
  const held = new Hold(transport, new Uint8Array(0), () => gone++);
  transport.handler.onClose(undefined);
  held.release(() => expect.unreachable());
  expect([held.gone, gone]).toEqual([true, 1]);
});
