import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from './testing/fake-clock.ts';
import { Deadline, TimerWheel } from './timer-wheel.ts';

class Noted extends Deadline {
  readonly name: string;
  private readonly react: () => void;

  constructor(name: string, react: () => void = () => {}) {
    super();
    this.name = name;
    this.react = react;
  }

  onDeadline(): void {
    fired.push([this.name, clock.nowMs()]);
    this.react();
  }
}

let clock: FakeClock;
let wheel: TimerWheel;
let fired: [name: string, atMs: number][];

beforeEach(() => {
  clock = new FakeClock();
  wheel = new TimerWheel(clock);
  fired = [];
});

const minuteMs = 60_000;
const dayMs = 86_400_000;

describe('timer wheel', () => {
  it.each([0.5, 9, 10, 11, 639, 640, 641, 10_000, 41_000, 5 * minuteMs, 45 * minuteMs, dayMs, 3 * dayMs, 30 * dayMs])(
    'a deadline in %d ms comes once, not early and at most a tick late',
    (delayMs) => {
      clock.advance(12_345.6);
      const startMs = clock.nowMs();
      wheel.arm(new Noted('a'), delayMs);
      expect(wheel.armed).toBe(1);
      clock.advance(delayMs + 20);
      expect(fired).toHaveLength(1);
      const [, atMs] = fired[0];
      expect(atMs).toBeGreaterThanOrEqual(startMs + delayMs);
      expect(atMs).toBeLessThanOrEqual(startMs + delayMs + 10);
      clock.advance(400 * dayMs);
      expect(fired).toHaveLength(1);
      expect([wheel.armed, clock.pending]).toEqual([0, 0]);
    },
  );

  it('what is disarmed does not come, and disarming twice is no harm', () => {
    const a = new Noted('a');
    const b = new Noted('b');
    wheel.arm(a, 100);
    wheel.arm(b, 100);
    wheel.disarm(a);
    wheel.disarm(a);
    expect([a.isArmed, b.isArmed, wheel.armed]).toEqual([false, true, 1]);
    clock.advance(1000);
    expect(fired.map(([name]) => name)).toEqual(['b']);
  });

  it('arming again counts anew from now, to later and to earlier', () => {
    const a = new Noted('a');
    wheel.arm(a, 100);
    clock.advance(50);
    wheel.arm(a, 1000);
    expect(wheel.armed).toBe(1);
    clock.advance(500);
    expect(fired).toEqual([]);
    wheel.arm(a, 30);
    clock.advance(40);
    expect(fired).toEqual([['a', 580]]);
  });

  it('a deadline that arms itself again goes on', () => {
    const beat: Noted = new Noted('beat', () => wheel.arm(beat, 100));
    wheel.arm(beat, 100);
    clock.advance(350);
    expect(fired.map(([, atMs]) => atMs)).toEqual([100, 200, 300]);
  });

  it('a deadline may call off another that is due with it', () => {
    const b = new Noted('b');
    wheel.arm(new Noted('a', () => wheel.disarm(b)), 100);
    wheel.arm(b, 100);
    clock.advance(200);
    expect(fired.map(([name]) => name)).toEqual(['a']);
  });

  it('no delay at all waits for the next tick, not for ever in this one', () => {
    const again: Noted = new Noted('again', () => wheel.arm(again, 0));
    wheel.arm(again, 0);
    clock.advance(30);
    expect(fired.map(([, atMs]) => atMs)).toEqual([10, 20, 30]);
  });

  it('after the process stood still, each late deadline comes once, in the order they were due', () => {
    const beat: Noted = new Noted('beat', () => wheel.arm(beat, 100));
    wheel.arm(new Noted('hour'), 60 * minuteMs);
    wheel.arm(new Noted('second'), 1000);
    wheel.arm(beat, 100);
    wheel.arm(new Noted('minute'), minuteMs);
    wheel.arm(new Noted('two hours'), 120 * minuteMs);
    clock.standStill(61 * minuteMs);
    clock.advance(1);
    expect(fired.map(([name]) => name)).toEqual(['beat', 'second', 'minute', 'hour']);
    clock.advance(105);
    expect(fired.map(([name]) => name).slice(4)).toEqual(['beat']);
  });

  it('one that throws does not lose the others, nor those to come', () => {
    const throws = (): never => {
      throw new Error('broken');
    };
    wheel.arm(new Noted('a', throws), 100);
    wheel.arm(new Noted('b'), 100);
    wheel.arm(new Noted('c'), 200);
    expect(() => clock.advance(100)).toThrow('broken');
    clock.advance(100);
    expect(fired.map(([name]) => name)).toEqual(['a', 'b', 'c']);
  });

  it('has one timer however many deadlines there are, and none when idle', () => {
    expect(clock.pending).toBe(0);
    for (let i = 0; i < 1000; i++) wheel.arm(new Noted(String(i)), 10_000 - i);
    expect(clock.pending).toBe(1);
    clock.advance(11_000);
    expect([fired.length, wheel.armed, clock.pending]).toEqual([1000, 0, 0]);
  });

  it('leaves the timer alone while waits of the same length come and go', () => {
    let set = 0;
    const counted = {
      nowMs: () => clock.nowMs(),
      cancel: (timer: unknown) => clock.cancel(timer),
      after: (delayMs: number, callback: () => void) => {
        set++;
        return clock.after(delayMs, callback);
      },
    };
    wheel = new TimerWheel(counted);
    const wait = new Noted('wait');
    for (let i = 0; i < 1000; i++) {
      wheel.arm(wait, 10_000);
      clock.advance(1);
      wheel.disarm(wait);
    }
    expect(set).toBe(1);
    clock.advance(20_000);
    expect([set, clock.pending]).toEqual([1, 0]);
  });

  it('is woken seldom for what is far away', () => {
    let woken = 0;
    wheel = new TimerWheel({
      nowMs: () => clock.nowMs(),
      cancel: (timer: unknown) => clock.cancel(timer),
      after: (delayMs: number, callback: () => void) =>
        clock.after(delayMs, () => {
          woken++;
          callback();
        }),
    });
    wheel.arm(new Noted('day'), dayMs);
    clock.advance(2 * dayMs);
    expect(fired).toHaveLength(1);
    expect(woken).toBeLessThanOrEqual(5);
  });

  it('does what a sorted list would do', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('arm' as const),
        which: fc.nat(19),
        delayMs: fc.oneof(fc.nat(100), fc.nat(5000), fc.nat(10_000_000), fc.double({ min: 0, max: 2e9, noNaN: true })),
      }),
      fc.record({ kind: fc.constant('disarm' as const), which: fc.nat(19) }),
      fc.record({
        kind: fc.constantFrom('advance' as const, 'stand still' as const),
        ms: fc.oneof(fc.nat(50), fc.nat(3000), fc.nat(10_000_000), fc.double({ min: 0, max: 1e9, noNaN: true })),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        clock = new FakeClock();
        wheel = new TimerWheel(clock);
        fired = [];
        const deadlines = Array.from({ length: 20 }, (_, i) => new Noted(String(i)));
        const due = new Map<string, number>();
        let stoodStill = false;
        const check = (): void => {
          for (const [name, atMs] of fired) {
            const dueMs = due.get(name) as number;
            expect(dueMs).toBeDefined(); // armed, and fired only once
            expect(atMs).toBeGreaterThanOrEqual(dueMs);
            if (!stoodStill) expect(atMs - dueMs).toBeLessThanOrEqual(10.001);
            due.delete(name);
          }
          fired = [];
          for (const dueMs of due.values()) expect(dueMs).toBeGreaterThan(clock.nowMs() - 10.001);
          expect(wheel.armed).toBe(due.size);
        };
        for (const s of steps) {
          if (s.kind === 'arm') {
            wheel.arm(deadlines[s.which], s.delayMs);
            due.set(String(s.which), clock.nowMs() + s.delayMs);
          } else if (s.kind === 'disarm') {
            wheel.disarm(deadlines[s.which]);
            due.delete(String(s.which));
          } else {
            stoodStill = s.kind === 'stand still';
            if (stoodStill) clock.standStill(s.ms);
            clock.advance(stoodStill ? 1 : s.ms);
            check();
          }
        }
        clock.advance(3e9);
        check();
        expect([wheel.armed, clock.pending]).toEqual([0, 0]);
      }),
      { numRuns: 300 },
    );
  });
});
