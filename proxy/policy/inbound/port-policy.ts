import type { TimerHandle, Timers } from '../../clock.ts';
import type { RateMeters } from './rate-meters.ts';
import type { ServerPolicy } from './server-policy.ts';
import type { WatchedPort } from './watched-port.ts';

/** One whose policy is known: it stays known until it is released. */
export type KnownPortPolicy = PortPolicy & { readonly current: ServerPolicy };

/**
 * The policy of a port, held by one connection: as long as it is not released, the port stays watched.
 *
 *     acquired --the control plane has spoken, or speaks--> known: `current` is what holds now
 *         '----nothing within the bound--> refused: nobody may serve the connection
 */
export class PortPolicy {
  private readonly watched: WatchedPort;
  private readonly timers: Timers;
  private readonly firstAnswerMs: number;
  private readonly onReleased: (watched: WatchedPort) => void;
  private readonly listeners = new Set<() => void>();
  private stopWaiting: (() => void) | undefined = undefined;
  private released = false;

  constructor(watched: WatchedPort, timers: Timers, firstAnswerMs: number, onReleased: (watched: WatchedPort) => void) {
    this.watched = watched;
    this.timers = timers;
    this.firstAnswerMs = firstAnswerMs;
    this.onReleased = onReleased;
  }

  get port(): number {
    return this.watched.port;
  }

  /** Undefined until the control plane has spoken of the port. */
  get current(): ServerPolicy | undefined {
    return this.watched.policy;
  }

  /** What counts the port's requests, whatever its policy is by then. */
  get meters(): RateMeters {
    return this.watched.meters;
  }

  /**
   * Calls back once: with the policy when it is known, at once if it is already, or with undefined when it has not
   * become known in time, and the connection is to be refused. Not after `release`, nor after the returned function
   * has been called.
   */
  whenKnown(callback: (known: KnownPortPolicy | undefined) => void): () => void {
    if (this.current !== undefined) {
      callback(this as KnownPortPolicy);
      return () => {};
    }
    this.stopWaiting?.();
    let timer: TimerHandle;
    const stop = (): void => {
      this.timers.cancel(timer);
      this.watched.unlisten(settle);
      this.stopWaiting = undefined;
    };
    const settle = (): void => {
      stop();
      callback(this.current === undefined ? undefined : (this as KnownPortPolicy));
    };
    timer = this.timers.after(this.firstAnswerMs, settle);
    this.watched.listen(settle);
    this.stopWaiting = stop;
    return () => {
      if (this.stopWaiting === stop) stop();
    };
  }

  /** Calls `listener` on each change until the returned function is called, or the policy is released. */
  subscribe(listener: () => void): () => void {
    if (this.released) return () => {};
    this.listeners.add(listener);
    this.watched.listen(listener);
    return () => {
      this.listeners.delete(listener);
      this.watched.unlisten(listener);
    };
  }

  /** The connection is over, and with it what waits and listens. A second call does nothing. */
  release(): void {
    if (this.released) return;
    this.released = true;
    this.stopWaiting?.();
    for (const listener of this.listeners) this.watched.unlisten(listener);
    this.listeners.clear();
    this.onReleased(this.watched);
  }
}
