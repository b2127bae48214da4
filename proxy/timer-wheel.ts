import type { Clock } from './clock.ts';

/**
 * What has a deadline: a class of its own extends this one and says what happens then. One object serves for as many
 * waits as follow each other, so that a wait costs no allocation. Its fields belong to the wheel.
 */
export abstract class Deadline {
  /** Neighbours in the slot's list; undefined when it is not armed. */
  next: Deadline | undefined = undefined;
  previous: Deadline | undefined = undefined;
  dueTick = 0;

  get isArmed(): boolean {
    return this.next !== undefined;
  }

  /** The time has come. It is disarmed by now and may be armed again. */
  abstract onDeadline(): void;
}

/** The head of a slot's list, which is a ring: an empty one is its own neighbour. */
class Slot extends Deadline {
  constructor() {
    super();
    this.next = this;
    this.previous = this;
  }

  get isEmpty(): boolean {
    return this.next === this;
  }

  onDeadline(): void {}
}

const tickMs = 10;
/** A power of two: a slot's place is then an AND, right for integers of any size. */
const slotsPerLevel = 64;
const slotMask = slotsPerLevel - 1;
/** Ticks that one slot of each level stands for: 10 ms, 640 ms, 41 s, 44 min. What is further away goes round again. */
const slotTicks = [1, slotsPerLevel, slotsPerLevel ** 2, slotsPerLevel ** 3] as const;
const reachTicks = slotsPerLevel ** slotTicks.length;

/**
 * All deadlines of a stack on one timer of the clock. Waits come by the request and nearly all of them are called off,
 * so arming and disarming are a few assignments: no timer, no allocation, no search.
 *
 * ```
 * level 0   |.|.|d|.|d d|...     a slot for each of the next 64 ticks of 10 ms
 * level 1   |.|d|.|.|d  |...     a slot for each of the next 64 × 64 ticks, and so on; when the time comes to where
 *                                a slot begins, what is in it moves down to the level below
 * ```
 *
 * A deadline is never early and at most a tick late. When the process stood still, those that are late come once, in
 * the order in which they were due. The clock's timer is set for the first slot that holds anything and runs only then:
 * an idle proxy is not woken. (It is left running when the last deadline is disarmed, for the next one to find, and
 * ends by itself.)
 */
export class TimerWheel {
  private readonly clock: Pick<Clock, 'nowMs' | 'after' | 'cancel'>;
  private readonly levels: readonly (readonly Slot[])[] = slotTicks.map(() =>
    Array.from({ length: slotsPerLevel }, () => new Slot()),
  );
  /** Up to here everything has been done. */
  private tick = 0;
  /** For when the clock's timer is set: nothing is to be done before. Infinity without one, -1 while it is at work. */
  private wakeTick = Number.POSITIVE_INFINITY;
  private timer: unknown = undefined;
  private armedCount = 0;

  constructor(clock: Pick<Clock, 'nowMs' | 'after' | 'cancel'>) {
    this.clock = clock;
  }

  /** How many deadlines are waited for. */
  get armed(): number {
    return this.armedCount;
  }

  /** Has `onDeadline` called after `delayMs`, counted from now also when it was armed before. */
  arm(deadline: Deadline, delayMs: number): void {
    if (deadline.isArmed) unlink(deadline);
    else this.armedCount++;
    const nowMs = this.clock.nowMs();
    const nowTick = Math.floor(nowMs / tickMs);
    if (nowTick < this.wakeTick && nowTick > this.tick) this.tick = nowTick;
    deadline.dueTick = Math.max(this.tick + 1, Math.ceil((nowMs + Math.max(0, delayMs)) / tickMs));
    const actTick = this.place(deadline);
    if (actTick < this.wakeTick) this.wakeAt(actTick, nowMs);
  }

  /** Calls it off; nothing happens when it is not armed. */
  disarm(deadline: Deadline): void {
    if (!deadline.isArmed) return;
    unlink(deadline);
    this.armedCount--;
  }

  /** Puts it into its slot and returns the tick at which that slot is looked at: when it is due, or a move is. */
  private place(deadline: Deadline): number {
    const dueTick = Math.min(deadline.dueTick, this.tick + reachTicks - 1);
    const distance = dueTick - this.tick;
    let level = 0;
    while (distance >= slotTicks[level] * slotsPerLevel) level++;
    const index = Math.floor(dueTick / slotTicks[level]);
    link(deadline, this.levels[level][index & slotMask]);
    return index * slotTicks[level];
  }

  /** The first tick after this one at which a slot is to be looked at. */
  private nextTick(): number {
    let first = Number.POSITIVE_INFINITY;
    if (this.armedCount === 0) return first;
    for (let level = 0; level < slotTicks.length; level++) {
      const ticks = slotTicks[level];
      const slots = this.levels[level];
      const index = Math.floor(this.tick / ticks);
      for (let ahead = 1; ahead <= slotsPerLevel && (index + ahead) * ticks < first; ahead++) {
        if (!slots[(index + ahead) & slotMask].isEmpty) first = (index + ahead) * ticks;
      }
    }
    return first;
  }

  private wakeAt(tick: number, nowMs: number): void {
    if (this.timer !== undefined) this.clock.cancel(this.timer);
    this.wakeTick = tick;
    this.timer = this.clock.after(Math.max(1, Math.ceil(tick * tickMs - nowMs)), this.wake);
  }

  private readonly wake = (): void => {
    this.timer = undefined;
    this.wakeTick = -1;
    const nowTick = Math.floor(this.clock.nowMs() / tickMs);
    const errors: unknown[] = [];
    for (let tick = this.nextTick(); tick <= nowTick; tick = this.nextTick()) {
      this.tick = tick;
      for (let level = slotTicks.length - 1; level > 0; level--) this.moveDown(level);
      this.fire(errors);
    }
    this.tick = nowTick;
    this.wakeTick = Number.POSITIVE_INFINITY;
    const next = this.nextTick();
    if (next !== Number.POSITIVE_INFINITY) this.wakeAt(next, this.clock.nowMs());
    // Told last: one that throws takes the others with it no more than any other timer would.
    if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors, 'deadlines failed');
  };

  /** Spreads over the level below what is in the slot that begins at this tick. */
  private moveDown(level: number): void {
    if (this.tick % slotTicks[level] !== 0) return;
    const slot = this.levels[level][(this.tick / slotTicks[level]) & slotMask];
    while (!slot.isEmpty) {
      const deadline = slot.next as Deadline;
      unlink(deadline);
      this.place(deadline);
    }
  }

  private fire(errors: unknown[]): void {
    const slot = this.levels[0][this.tick & slotMask];
    while (!slot.isEmpty) {
      const deadline = slot.next as Deadline;
      this.disarm(deadline);
      try {
        deadline.onDeadline();
      } catch (error) {
        errors.push(error);
      }
    }
  }
}

function link(deadline: Deadline, slot: Slot): void {
  const last = slot.previous as Deadline;
  deadline.previous = last;
  deadline.next = slot;
  last.next = deadline;
  slot.previous = deadline;
}

function unlink(deadline: Deadline): void {
  const { previous, next } = deadline as { previous: Deadline; next: Deadline };
  previous.next = next;
  next.previous = previous;
  deadline.previous = undefined;
  deadline.next = undefined;
}
