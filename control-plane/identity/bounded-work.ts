/** A piece of work that was not done: too much waits already, or its time was over. */
export class OverloadError extends Error {}

export interface BoundedWorkOptions {
  /** How much is done at a time. */
  readonly concurrency: number;
  /** How much may wait beyond that. */
  readonly maxWaiting: number;
  /** How long a piece of work may take, the wait included. */
  readonly deadlineMs: number;
}

/** Does so much at a time, lets so much wait, and ends the wait for what takes too long. */
export class BoundedWork {
  /** What is being done; work past its deadline counts until it has really ended. */
  running = 0;
  private readonly options: BoundedWorkOptions;
  private readonly waiting: (() => void)[] = [];

  constructor(options: BoundedWorkOptions) {
    this.options = options;
  }

  /** Rejects with an OverloadError, or with what `work` rejects with. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { concurrency, maxWaiting, deadlineMs } = this.options;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const start = (): void => {
      this.running++;
      work()
        .then(resolve, reject)
        .finally(() => {
          this.running--;
          this.waiting.shift()?.();
        });
    };
    if (this.running < concurrency) start();
    else if (this.waiting.length < maxWaiting) this.waiting.push(start);
    else throw new OverloadError(`${maxWaiting} wait already`);
    const timer = setTimeout(() => {
      const place = this.waiting.indexOf(start);
      if (place >= 0) this.waiting.splice(place, 1);
      reject(new OverloadError(`not done within ${deadlineMs} ms`));
    }, deadlineMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}
