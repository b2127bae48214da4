/** A look at something each `intervalMs` and whenever it is asked for, one at a time. It keeps no process alive. */
export class Poll {
  private readonly look: () => Promise<void>;
  private readonly timer: NodeJS.Timeout;
  private running: Promise<void> | undefined = undefined;

  /** `look` never rejects; the first comes after an interval. */
  constructor(look: () => Promise<void>, intervalMs: number) {
    this.look = look;
    this.timer = setInterval(() => void this.now(), intervalMs);
    this.timer.unref();
  }

  /** Looks now, or waits for the look that is under way. */
  now(): Promise<void> {
    this.running ??= this.look().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  /** A look that is under way goes on to its end. */
  close(): void {
    clearInterval(this.timer);
  }
}
