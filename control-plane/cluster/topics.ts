/** Ends the process with the error, in a turn of its own. */
export function throwLater(error: Error): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Who wants to know when something changes, by topic. */
export class Topics {
  private readonly onFailure: (error: Error) => void;
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly changed = new Set<string>();
  private notifying = false;

  /** `onFailure` is told of a listener that throws; the others are called all the same. Default: the process ends with it. */
  constructor(onFailure: (error: Error) => void = throwLater) {
    this.onFailure = onFailure;
  }

  /** Calls `listener` once after each turn in which one of `topics` was touched. Returns what stops it. */
  subscribe(topics: readonly string[], listener: () => void): () => void {
    for (const topic of topics) {
      let listeners = this.listeners.get(topic);
      if (listeners === undefined) {
        listeners = new Set();
        this.listeners.set(topic, listeners);
      }
      listeners.add(listener);
    }
    return () => {
      for (const topic of topics) {
        const listeners = this.listeners.get(topic);
        listeners?.delete(listener);
        if (listeners?.size === 0) this.listeners.delete(topic);
      }
    };
  }

  touch(topic: string): void {
    if (!this.listeners.has(topic)) return;
    this.changed.add(topic);
    if (this.notifying) return;
    this.notifying = true;
    setImmediate(() => this.notify());
  }

  private notify(): void {
    this.notifying = false;
    const listeners = new Set<() => void>();
    for (const topic of this.changed) for (const listener of this.listeners.get(topic) ?? []) listeners.add(listener);
    this.changed.clear();
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        this.onFailure(error as Error);
      }
    }
  }
}
