import type { Clock } from '../clock.ts';
import { type Deadlines, defaultDeadlines } from '../wire/deadlines.ts';

/** Something that can be asked to finish what it does and then close. */
export interface Drainable {
  drain(): void;
  /** Told the time now and then. */
  checkDeadlines?(nowMs: number): void;
  /** Requests under way on it. */
  readonly activeStreams?: number;
}

/** How often connections are told the time: one timer for all, and none while there is no connection. */
const checkIntervalMs = 1000;

/**
 * The connections that are served now: each is told the time, a shutdown asks each to finish, and waits until none is
 * left.
 */
export class OpenConnections {
  readonly deadlines: Deadlines;
  private readonly clock: Clock;
  private readonly open = new Set<Drainable>();
  private checking = false;
  private draining = false;
  private onEmpty: (() => void) | undefined = undefined;

  constructor(clock: Clock, deadlines: Deadlines = defaultDeadlines) {
    this.clock = clock;
    this.deadlines = deadlines;
  }

  get count(): number {
    return this.open.size;
  }

  /** Requests under way on all of them. */
  get activeStreams(): number {
    let streams = 0;
    for (const { activeStreams } of this.open) streams += activeStreams ?? 0;
    return streams;
  }

  /** Monotonic, for what connections have to tell apart by time. */
  nowMs(): number {
    return this.clock.nowMs();
  }

  add(connection: Drainable): void {
    this.open.add(connection);
    if (!this.checking && connection.checkDeadlines !== undefined) this.scheduleCheck();
    if (this.draining) connection.drain();
  }

  remove(connection: Drainable): void {
    if (this.open.delete(connection) && this.open.size === 0) this.onEmpty?.();
  }

  /** Calls `done` once when the last connection has closed. */
  drain(done: () => void): void {
    this.draining = true;
    if (this.open.size === 0) {
      done();
      return;
    }
    this.onEmpty = () => {
      this.onEmpty = undefined;
      done();
    };
    for (const connection of [...this.open]) connection.drain();
  }

  private scheduleCheck(): void {
    this.checking = true;
    // No finer than the shortest deadline needs.
    const { headMs, stallMs, closeMs } = this.deadlines;
    this.clock.after(Math.min(checkIntervalMs, headMs, stallMs, closeMs), () => {
      this.checking = false;
      const nowMs = this.clock.nowMs();
      for (const connection of [...this.open]) connection.checkDeadlines?.(nowMs);
      if (this.open.size > 0) this.scheduleCheck();
    });
  }
}
