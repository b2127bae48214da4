import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { LiveConnection } from '../wire/testing/live-connection.ts';
import { splice } from './splice.ts';

/** Connections that tell of their end inside the call that closes them, or later: each way on each side. */
const manners = [
  [true, true],
  [true, false],
  [false, true],
  [false, false],
] as const;

describe.each(manners)('a splice (ends told at once: %s, %s)', (first, second) => {
  let a: LiveConnection;
  let b: LiveConnection;
  let ends: (Error | undefined)[];
  const broken = new Error('ECONNRESET');
  const settle = (): void => {
    for (let i = 0; i < 4; i++) {
      a.settle();
      b.settle();
    }
  };

  beforeEach(() => {
    a = new LiveConnection(first);
    b = new LiveConnection(second);
    ends = [];
    splice(a, b, (error) => ends.push(error));
  });

  it('carries bytes both ways', () => {
    a.receive('ping');
    b.receive('pong');
    expect([a.sent, b.sent]).toEqual([['pong'], ['ping']]);
  });

  it('stops a writer until its slow reader has caught up', () => {
    b.blocked = true;
    a.receive('much');
    expect(a.paused).toBe(true);
    b.unblock();
    expect(a.paused).toBe(false);
  });

  it('reads on from a writer whose slow reader has gone: its end is seen', () => {
    a.receiveFin();
    a.blocked = true;
    b.receive('much');
    expect(b.paused).toBe(true);
    a.close();
    settle();
    expect(b.paused).toBe(false);
  });

  it('passes a half-close on as one: the other direction goes on', () => {
    a.receiveFin();
    expect([b.sent, b.gone]).toEqual([['FIN'], false]);
    b.receive('still');
    expect(a.sent).toEqual(['still']);
  });

  it.each(['a', 'b'])('is told once of an end by FIN, %s first', (side) => {
    const [one, other] = side === 'a' ? [a, b] : [b, a];
    one.receiveFin();
    settle();
    expect(ends).toEqual([]);
    other.receiveFin();
    settle();
    expect([ends, a.sent, b.sent]).toEqual([[undefined], ['FIN'], ['FIN']]);
  });

  it.each(['a', 'b'])('is told once when %s breaks, and breaks the other', (side) => {
    const [one, other] = side === 'a' ? [a, b] : [b, a];
    one.receiveReset(broken);
    settle();
    expect([ends, other.sent]).toEqual([[broken], ['RST']]);
  });

  it('is told once when one side breaks behind the FIN of the other', () => {
    b.receiveFin();
    a.receiveReset(broken);
    settle();
    expect([ends, a.sent, b.sent]).toEqual([[broken], ['FIN'], ['RST']]);
  });

  it('is told once when both break, with the error of the first', () => {
    a.receiveReset(broken);
    b.receiveReset(new Error('EPIPE'));
    settle();
    expect(ends).toEqual([broken]);
  });

  it('breaks the other side of one that this process has broken: it has not seen the end of what it read', () => {
    a.abort();
    settle();
    expect([ends, b.sent]).toEqual([[undefined], ['RST']]);
  });

  it('breaks a side that still sends when the other is wholly gone', () => {
    a.receiveFin();
    a.abort();
    settle();
    expect([ends, b.sent]).toEqual([[], ['FIN']]);
    b.receive('to nobody');
    settle();
    expect([ends.length, b.sent]).toEqual([1, ['FIN', 'RST']]);
  });
});

it('is told of its end exactly once and last, in every order of what its connections may do', () => {
  const step = fc.record({
    side: fc.constantFrom('a', 'b'),
    what: fc.constantFrom('bytes', 'fin', 'reset', 'abort', 'block', 'unblock', 'settle'),
  });
  fc.assert(
    fc.property(fc.constantFrom(...manners), fc.array(step, { maxLength: 14 }), ([first, second], steps) => {
      const sides = { a: new LiveConnection(first), b: new LiveConnection(second) };
      let ends = 0;
      splice(sides.a, sides.b, () => {
        ends++;
        expect([sides.a.gone, sides.b.gone]).toEqual([true, true]);
      });
      for (const { side, what } of steps) act(sides[side as 'a' | 'b'], what);
      for (const side of [sides.a, sides.b, sides.a, sides.b]) {
        side.receiveFin();
        side.settle();
      }
      expect(ends).toBe(1);
    }),
    { numRuns: 2000 },
  );
});

describe.each(manners)('a guarded splice (ends told at once: %s, %s)', (first, second) => {
  /** Passes until it sees a `!`, for good from a `.` on, and no end behind a `?`. */
  function guarded() {
    const [a, b] = [new LiveConnection(first), new LiveConnection(second)];
    const told: unknown[] = [];
    let read = '';
    splice(a, b, () => told.push('end'), {
      look: (chunk) => {
        read += Buffer.from(chunk);
        return read.includes('!') ? 'stop' : read.includes('.') ? 'done' : 'pass';
      },
      mayEnd: () => !read.endsWith('?'),
      onStopped: (chunk, untouched) => told.push([Buffer.from(chunk).toString(), untouched]),
    });
    return { a, b, told };
  }

  it('that is stopped before anything has passed leaves the first connection as it was', () => {
    const { a, b, told } = guarded();
    a.receive('x!');
    b.settle();
    expect([told, a.sent, b.sent]).toEqual([[['x!', true]], [], ['FIN']]);
  });

  it.each(['a', 'b'])(
    'that is stopped once %s has spoken breaks the second one, with what may not pass not passed',
    (side) => {
      const { a, b, told } = guarded();
      (side === 'a' ? a : b).receive('x');
      a.receive('y!');
      b.settle();
      expect([told, a.sent, b.sent]).toEqual([
        [['y!', false]],
        side === 'a' ? [] : ['x'],
        side === 'a' ? ['x', 'RST'] : ['RST'],
      ]);
    },
  );

  it('that may not tell of an end breaks both', () => {
    const { a, b, told } = guarded();
    a.receive('x?');
    a.receiveFin();
    expect([told, b.sent]).toEqual([[['', false]], ['x?', 'RST']]);
  });

  it('looks no more once it is done', () => {
    const { a, b } = guarded();
    for (const text of ['x.', '!', '?']) a.receive(text);
    a.receiveFin();
    expect(b.sent).toEqual(['x.', '!', '?', 'FIN']);
  });
});

function act(connection: LiveConnection, what: string): void {
  if (what === 'bytes') connection.receive('x');
  else if (what === 'fin') connection.receiveFin();
  else if (what === 'reset') connection.receiveReset(new Error('ECONNRESET'));
  else if (what === 'abort') connection.abort();
  else if (what === 'block') connection.blocked = true;
  else if (what === 'unblock') connection.unblock();
  else connection.settle();
}
