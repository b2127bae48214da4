import type { Clock, TimerHandle } from '../clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** A clock that goes on when a test says so; `random` is always the middle. */
export class FakeClock implements Clock {
  private timers: Timer[] = [];
  private atMs = 0;

  nowMs(): number {
    return this.atMs;
  }

  /** It began with 2026. */
  wallMs(): number {
    return Date.UTC(2026) + this.atMs;
  }

  random(): number {
    return 0.5;
  }

  after(delayMs: number, callback: () => void): TimerHandle {
    const timer = { dueMs: this.atMs + delayMs, callback };
    this.timers.push(timer);
    return timer;
  }

  cancel(timer: TimerHandle): void {
    this.timers = this.timers.filter((other) => other !== timer);
  }

  /** How many timers are set. */
  get pending(): number {
    return this.timers.length;
  }

  /** Time passes and nothing runs, as when the process is stopped; what is late runs at the next `advance`. */
  standStill(ms: number): void {
    this.atMs += ms;
  }

  /** Lets time pass; timers run at their time, in its order. */
  advance(ms: number): void {
    const untilMs = this.atMs + ms;
    for (;;) {
      const next = this.timers.filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.cancel(next);
      this.atMs = Math.max(this.atMs, next.dueMs);
      next.callback();
    }
    this.atMs = untilMs;
  }
}
