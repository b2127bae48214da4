/** A piece of work that was not done: too much waits already, or its time was over. */
export class OverloadError extends Error {}

export interface BoundedWorkOptions {
  /** How much is done at a time. */
  readonly concurrency: number;
  /** How much may wait beyond that. */
  readonly maxWaiting: number;
  /** How long a piece of work may wait to be begun, in ms. */
  readonly maxWaitMs: number;
  /**
   * How long it may take then, in ms. Not the wait included: under a load that is too high for long, all work is begun
   * after the longest wait, and none of it would be in time.
   */
  readonly maxWorkMs: number;
}

/** Does so much at a time, lets so much wait, and ends the wait for what takes too long. */
export class BoundedWork {
  /** What is being done; work past its time counts until it has really ended. */
  running = 0;
  private readonly options: BoundedWorkOptions;
  private readonly queue: (() => void)[] = [];

  constructor(options: BoundedWorkOptions) {
    this.options = options;
  }

  /** What waits to be begun. */
  get waiting(): number {
    return this.queue.length;
  }

  /** Rejects with an OverloadError, or with what `work` rejects with. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { concurrency, maxWaiting, maxWaitMs, maxWorkMs } = this.options;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let timer: NodeJS.Timeout;
    const start = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => reject(new OverloadError(`not done within ${maxWorkMs} ms`)), maxWorkMs);
      this.running++;
      work()
        .then(resolve, reject)
        .finally(() => {
          clearTimeout(timer);
          this.running--;
          this.queue.shift()?.();
        });
    };
    if (this.running < concurrency) start();
    else if (this.queue.length >= maxWaiting) throw new OverloadError(`${maxWaiting} wait already`);
    else {
      this.queue.push(start);
      timer = setTimeout(() => {
        this.queue.splice(this.queue.indexOf(start), 1);
        reject(new OverloadError(`not begun within ${maxWaitMs} ms`));
      }, maxWaitMs);
    }
    return promise;
  }
}
