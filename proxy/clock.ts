/** Timers, passed in so that tests own the time. */
export interface Timers {
  after(delayMs: number, callback: () => void): TimerHandle;
  cancel(timer: TimerHandle): void;
}
export type TimerHandle = unknown;

/** What a stack needs to know of time and chance. */
export interface Clock extends Timers {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** In [0, 1). */
  random(): number;
}

/** The process's own clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  random: () => Math.random(),
  after: (delayMs, callback) => setTimeout(callback, delayMs).unref(),
  cancel: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
