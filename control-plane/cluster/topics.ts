/** Ends the process with the error, in a turn of its own. */
export function throwLater(error: Error): void {
  queueMicrotask(() => {
    throw error;
  });
}

interface Subscription {
  readonly listener: () => void;
  active: boolean;
}

export interface TopicsOptions {
  /** Told of a listener that throws; the others are called all the same. Default: the process ends with it. */
  readonly onFailure?: (error: Error) => void;
  readonly nowMs?: () => number;
  /** How long listeners may hold the event loop before they make way for others. Default 2 ms. */
  readonly sliceMs?: number;
}

/** Who wants to know when something changes, by topic. */
export class Topics {
  private readonly subscriptions = new Map<string, Set<Subscription>>();
  private readonly changed = new Set<string>();
  private readonly options: Required<TopicsOptions>;
  /** Those that are still to be called. */
  private due = new Set<Subscription>();
  private scheduled = false;

  constructor(options: TopicsOptions = {}) {
    this.options = { onFailure: throwLater, nowMs: () => performance.now(), sliceMs: 2, ...options };
  }

  /**
   * Calls `listener` once after each turn in which one of `topics` was touched; when many have to be called, in one of
   * the turns after. Returns what stops it.
   */
  subscribe(topics: readonly string[], listener: () => void): () => void {
    const subscription: Subscription = { listener, active: true };
    for (const topic of topics) {
      let subscriptions = this.subscriptions.get(topic);
      if (subscriptions === undefined) {
        subscriptions = new Set();
        this.subscriptions.set(topic, subscriptions);
      }
      subscriptions.add(subscription);
    }
    return () => {
      subscription.active = false;
      for (const topic of topics) {
        const subscriptions = this.subscriptions.get(topic);
        subscriptions?.delete(subscription);
        if (subscriptions?.size === 0) this.subscriptions.delete(topic);
      }
    };
  }

  touch(topic: string): void {
    if (!this.subscriptions.has(topic)) return;
    this.changed.add(topic);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.notify());
  }

  private notify(): void {
    this.scheduled = false;
    const { nowMs, sliceMs, onFailure } = this.options;
    const endMs = nowMs() + sliceMs;
    for (const topic of this.changed) for (const each of this.subscriptions.get(topic) ?? []) this.due.add(each);
    this.changed.clear();
    for (const subscription of this.due) {
      // Before the call: what it changes itself is due again.
      this.due.delete(subscription);
      if (!subscription.active) continue;
      try {
        subscription.listener();
      } catch (error) {
        onFailure(error as Error);
      }
      if (nowMs() >= endMs) break;
    }
    if (this.due.size > 0) this.schedule();
  }
}
