export interface RestartDelayOptions {
  initialMs: number;
  maxMs: number;
  /** A process that ran this long is sound: its next end counts as the first. */
  soundAfterMs: number;
}

/** How long to wait before a process that has ended is started again: doubled each time, as the kubelet does. */
export class RestartDelay {
  private readonly options: RestartDelayOptions;
  private nextMs: number;

  constructor(options: RestartDelayOptions) {
    this.options = options;
    this.nextMs = options.initialMs;
  }

  /** The delay after a run of `ranMs`. */
  after(ranMs: number): number {
    const { initialMs, maxMs, soundAfterMs } = this.options;
    if (ranMs >= soundAfterMs) this.nextMs = initialMs;
    const delay = this.nextMs;
    this.nextMs = Math.min(maxMs, delay * 2);
    return delay;
  }
}
