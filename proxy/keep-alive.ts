import type { TimerHandle, Timers } from './clock.ts';

export interface KeepAliveTimes {
  /** How long a connection may bring nothing before its peer is asked for a sign of life. */
  readonly intervalMs: number;
  /** How long the peer has for it. */
  readonly timeoutMs: number;
}

/** What is watched: anything that comes in is a sign of life. */
interface Watched {
  readonly bytesRead: number;
  /** While our own bytes wait, a ping would wait behind them. */
  readonly blocked: boolean;
  abort(): void;
}

/**
 * Finds HTTP/2 peers that are gone without a word: asks by PING when a connection has been silent, and breaks it when
 * nothing comes back. Costs a timer for each interval and connection, and nothing for each byte.
 *
 *     watching --silent for an interval--> asked --nothing within the timeout--> overdue --nothing either--> broken
 *        ^------------ bytes came ------------'------------------------------------'
 *
 * `overdue` is one more look: when this process stood still, the answer may be there unread.
 */
export class KeepAlive {
  private readonly connection: Watched;
  private readonly session: { ping(): void };
  private readonly times: KeepAliveTimes;
  private readonly timers: Timers;
  private readonly onTimer = (): void => this.check();
  private timer: TimerHandle;
  private seenBytes: number;
  private state: 'watching' | 'asked' | 'overdue' = 'watching';

  constructor(connection: Watched, session: { ping(): void }, times: KeepAliveTimes, timers: Timers) {
    this.connection = connection;
    this.session = session;
    this.times = times;
    this.timers = timers;
    this.seenBytes = connection.bytesRead;
    this.timer = timers.after(times.intervalMs, this.onTimer);
  }

  /** To be called when the connection has closed. */
  stop(): void {
    this.timers.cancel(this.timer);
  }

  private check(): void {
    const { bytesRead, blocked } = this.connection;
    if (bytesRead !== this.seenBytes || blocked) {
      this.seenBytes = bytesRead;
      this.wait('watching', this.times.intervalMs);
    } else if (this.state === 'watching') {
      this.session.ping();
      this.wait('asked', this.times.timeoutMs);
    } else if (this.state === 'asked') this.wait('overdue', 1);
    else this.connection.abort();
  }

  private wait(state: KeepAlive['state'], delayMs: number): void {
    this.state = state;
    this.timer = this.timers.after(delayMs, this.onTimer);
  }
}
