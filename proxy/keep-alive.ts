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
}

interface Session {
  ping(): void;
  /** Ends the connection at once, as one whose peer is gone. */
  giveUp(): void;
}

/** Looks in an interval: a peer is asked so much of one early at most, never late. */
const looksPerInterval = 8;

/**
 * Finds HTTP/2 peers that are gone without a word: asks by PING when a connection has been silent, with or without streams,
 * and breaks it when nothing comes back: within an interval and a timeout of the last byte. Costs a few timers for each
 * interval and connection, and nothing for each byte.
 *
 *     watching --silent for an interval--> asked --nothing within the timeout--> overdue --nothing either--> broken
 *        ^------------ bytes came ------------'------------------------------------'
 *
 * `overdue` is one more look: when this process stood still, the answer may be there unread.
 *
 * It is for connections between proxies: a gRPC server ends one on which it is asked too often.
 */
export class KeepAlive {
  private readonly connection: Watched;
  private readonly session: Session;
  private readonly times: KeepAliveTimes;
  private readonly lookMs: number;
  private readonly timers: Timers;
  private readonly onTimer = (): void => this.check();
  private timer: TimerHandle;
  private seenBytes: number;
  private state: 'watching' | 'asked' | 'overdue' = 'watching';
  /** At the last look: how long ago the last byte came at most, then how long ago the peer was asked. */
  private sinceMs = 0;
  private waitMs = 0;

  constructor(connection: Watched, session: Session, times: KeepAliveTimes, timers: Timers) {
    this.connection = connection;
    this.session = session;
    this.times = times;
    this.lookMs = times.intervalMs / looksPerInterval;
    this.timers = timers;
    this.seenBytes = connection.bytesRead;
    this.wait(times.intervalMs);
  }

  /** To be called when the connection has closed. */
  stop(): void {
    this.timers.cancel(this.timer);
  }

  private check(): void {
    const { bytesRead, blocked } = this.connection;
    const { intervalMs, timeoutMs } = this.times;
    if (bytesRead !== this.seenBytes || blocked) {
      this.seenBytes = bytesRead;
      this.state = 'watching';
      // Somewhere since the look before: it may have been right behind it.
      this.sinceMs = this.waitMs;
    } else this.sinceMs += this.waitMs;
    switch (this.state) {
      case 'watching':
        if (this.sinceMs < intervalMs) {
          this.wait(intervalMs - this.sinceMs);
          break;
        }
        this.state = 'asked';
        this.sinceMs = 0;
        this.session.ping();
        this.wait(timeoutMs);
        break;
      case 'asked':
        if (this.sinceMs < timeoutMs) {
          this.wait(timeoutMs - this.sinceMs);
          break;
        }
        this.state = 'overdue';
        this.wait(0);
        break;
      case 'overdue':
        this.session.giveUp();
    }
  }

  /** Looks again in `leftMs`, or sooner. */
  private wait(leftMs: number): void {
    this.waitMs = Math.max(1, Math.min(leftMs, this.lookMs));
    this.timer = this.timers.after(this.waitMs, this.onTimer);
  }
}
