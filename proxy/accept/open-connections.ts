import type { Clock } from '../clock.ts';
import { type Deadlines, defaultDeadlines } from '../wire/deadlines.ts';
import type { Connection } from '../wire/transport.ts';

/** Something that can be asked to finish what it does and then close. */
export interface Drainable {
  drain(): void;
  /** Told the time now and then. */
  checkDeadlines?(nowMs: number): void;
  /** Requests under way on it. */
  readonly activeStreams?: number;
}

/** One that is served now, for people. */
export interface OpenConnection {
  readonly drainable: Drainable;
  readonly connection: Connection;
  readonly carries: 'http1' | 'http2' | 'opaque';
  /** When it began to be served, in monotonic milliseconds. */
  readonly sinceMs: number;
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
  private readonly open = new Map<Drainable, OpenConnection>();
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
    for (const { activeStreams } of this.open.keys()) streams += activeStreams ?? 0;
    return streams;
  }

  /** Monotonic, for what connections have to tell apart by time. */
  nowMs(): number {
    return this.clock.nowMs();
  }

  /** `connection` is what `drainable` serves. */
  add(drainable: Drainable, connection: Connection, carries: OpenConnection['carries']): void {
    this.open.set(drainable, { drainable, connection, carries, sinceMs: this.clock.nowMs() });
    if (!this.checking && drainable.checkDeadlines !== undefined) this.scheduleCheck();
    if (this.draining) drainable.drain();
  }

  list(): Iterable<OpenConnection> {
    return this.open.values();
  }

  remove(drainable: Drainable): void {
    if (this.open.delete(drainable) && this.open.size === 0) this.onEmpty?.();
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
    for (const drainable of [...this.open.keys()]) drainable.drain();
  }

  private scheduleCheck(): void {
    this.checking = true;
    // No finer than the shortest deadline needs.
    const { headMs, stallMs, closeMs } = this.deadlines;
    this.clock.after(Math.min(checkIntervalMs, headMs, stallMs, closeMs), () => {
      this.checking = false;
      const nowMs = this.clock.nowMs();
      for (const drainable of [...this.open.keys()]) drainable.checkDeadlines?.(nowMs);
      if (this.open.size > 0) this.scheduleCheck();
    });
  }
}
