import type { Clock } from '../clock.ts';
import { Deadline, type TimerWheel } from '../timer-wheel.ts';
import { longestDialMs } from '../upstream/connection-pool.ts';

/** Something that waits for an endpoint. */
export abstract class Queued extends Deadline {
  /** Neighbours in the queue, which owns them. */
  before: Queued | undefined = undefined;
  behind: Queued | undefined = undefined;
  queue: EndpointQueue | undefined = undefined;
  /** Since when it has waited. */
  sinceMs = 0;
  /** When its time is over; -1 before it has waited. */
  dueMs = -1;
  /** How long it has been let wait beyond its time. */
  extendedMs = 0;

  /** There is an endpoint: goes on its way. */
  abstract go(): void;
  /** There will be none in time. */
  abstract expire(): void;

  override onDeadline(): void {
    if (this.queue?.waitsOn(this)) return;
    this.queue?.remove(this);
    this.expire();
  }

  /** What waited is gone. */
  cancel(): void {
    this.queue?.remove(this);
  }
}

/** Told of what waits. */
export interface QueueObserver {
  onQueued(): void;
  onUnqueued(waitedMs: number): void;
}

/** What waits for an endpoint of a service, in the order in which it came, each for as long as it may. */
export class EndpointQueue {
  private readonly deadlines: TimerWheel;
  private readonly clock: Pick<Clock, 'nowMs'>;
  private readonly capacity: number;
  private readonly maxWaitMs: number;
  /** What is waited for has a deadline of its own, and is waited for as long. */
  private readonly isUnderWay: () => boolean;
  private readonly observer: QueueObserver | undefined;
  private first: Queued | undefined = undefined;
  private last: Queued | undefined = undefined;
  size = 0;

  constructor(
    deadlines: TimerWheel,
    clock: Pick<Clock, 'nowMs'>,
    capacity: number,
    maxWaitMs: number,
    isUnderWay: () => boolean,
    observer?: QueueObserver,
  ) {
    this.deadlines = deadlines;
    this.clock = clock;
    this.capacity = capacity;
    this.maxWaitMs = maxWaitMs;
    this.isUnderWay = isUnderWay;
    this.observer = observer;
  }

  get isFull(): boolean {
    return this.size >= this.capacity;
  }

  add(queued: Queued): void {
    queued.queue = this;
    queued.before = this.last;
    if (this.last === undefined) this.first = queued;
    else this.last.behind = queued;
    this.last = queued;
    this.size++;
    const nowMs = this.clock.nowMs();
    queued.sinceMs = nowMs;
    this.observer?.onQueued();
    // One that comes back keeps its time.
    if (queued.dueMs < 0) queued.dueMs = nowMs + this.maxWaitMs;
    this.deadlines.arm(queued, queued.dueMs - nowMs);
  }

  /** @internal gives one whose time is over more of it, when what it waits for is under way */
  waitsOn(queued: Queued): boolean {
    if (queued.extendedMs >= longestDialMs || !this.isUnderWay()) return false;
    queued.extendedMs += this.maxWaitMs;
    queued.dueMs = this.clock.nowMs() + this.maxWaitMs;
    this.deadlines.arm(queued, this.maxWaitMs);
    return true;
  }

  /** The one that has waited longest, which waits no longer. */
  take(): Queued | undefined {
    const { first } = this;
    if (first !== undefined) this.remove(first);
    return first;
  }

  remove(queued: Queued): void {
    this.deadlines.disarm(queued);
    if (queued.queue !== this) return;
    const { before, behind } = queued;
    if (before === undefined) this.first = behind;
    else before.behind = behind;
    if (behind === undefined) this.last = before;
    else behind.before = before;
    queued.before = undefined;
    queued.behind = undefined;
    queued.queue = undefined;
    this.size--;
    this.observer?.onUnqueued(this.clock.nowMs() - queued.sinceMs);
  }
}
