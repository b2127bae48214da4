/** Timers, passed in so that tests own the time. */
export interface Timers {
  /** Calls once after `delayMs`, however long that is. What counts in days should not need another way. */
  after(delayMs: number, callback: () => void): TimerHandle;
  /** A timer that has run, or was cancelled, is no harm. */
  cancel(timer: TimerHandle): void;
}
export type TimerHandle = unknown;

/** What a stack needs to know of time and chance. */
export interface Clock extends Timers {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Milliseconds since the epoch, for what peers say in dates; it may jump, so that nothing is waited for by it. */
  wallMs(): number;
  /** In [0, 1). */
  random(): number;
}

/** The runtime's timers count in 31 bits (24.8 days) and run at once what is longer. */
const longestStepMs = 2 ** 31 - 1;

/**
 * A delay that is longer than the runtime's timers can be is waited for in steps. It is not cut: a timer that is early
 * by years is wrong, one that never comes is what the caller meant.
 */
class LongTimer {
  private timer: NodeJS.Timeout;
  private leftMs: number;
  private readonly callback: () => void;
  private readonly keepsAlive: boolean;

  constructor(delayMs: number, callback: () => void, keepsAlive: boolean) {
    this.leftMs = delayMs;
    this.keepsAlive = keepsAlive;
    this.callback = callback;
    this.timer = this.step();
  }

  cancel(): void {
    clearTimeout(this.timer);
  }

  private step(): NodeJS.Timeout {
    const stepMs = Math.min(this.leftMs, longestStepMs);
    this.leftMs -= stepMs;
    const timer = setTimeout(() => {
      if (this.leftMs > 0) this.timer = this.step();
      else this.callback();
    }, stepMs);
    return this.keepsAlive ? timer : timer.unref();
  }
}

const shared = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  random: () => Math.random(),
  cancel: (timer: TimerHandle) => {
    if (timer instanceof LongTimer) timer.cancel();
    else clearTimeout(timer as NodeJS.Timeout);
  },
};

/** The process's own clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  ...shared,
  after: (delayMs, callback) =>
    delayMs > longestStepMs ? new LongTimer(delayMs, callback, false) : setTimeout(callback, delayMs).unref(),
};

/** The same for a command that ends by itself: while it waits for a timer, the process lives. */
export const commandClock: Clock = {
  ...shared,
  after: (delayMs, callback) =>
    delayMs > longestStepMs ? new LongTimer(delayMs, callback, true) : setTimeout(callback, delayMs),
};

/** Milliseconds since the epoch, for certificates and logs. */
export const wallClockMs = systemClock.wallMs;
