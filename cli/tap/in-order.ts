/** What waits for one that is not shown yet; what comes on top of it is left out, and counted. */
const maxWaiting = 1000;

/** Has events shown one after another, as they came, also where one of them takes its time. */
export class InOrder<Event> {
  /** Events that were left out. */
  leftOut = 0;
  private readonly show: (event: Event) => void | Promise<void>;
  private waiting = 0;
  private tail: Promise<void> = Promise.resolve();

  /** `show` is not to reject. */
  constructor(show: (event: Event) => void | Promise<void>) {
    this.show = show;
  }

  push(event: Event): void {
    if (this.waiting >= maxWaiting) {
      this.leftOut++;
      return;
    }
    const shown = this.waiting === 0 ? this.show(event) : this.tail.then(() => this.show(event));
    if (shown === undefined) return;
    this.waiting++;
    this.tail = shown.then(() => {
      this.waiting--;
    });
  }

  /** All that came is shown. */
  settled(): Promise<void> {
    return this.tail;
  }
}
