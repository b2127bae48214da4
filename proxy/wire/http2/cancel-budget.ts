/** Resets beyond the streams that were carried to their end. Envoy ends a connection of which it sees most reset. */
const mostBeyondCompleted = 300;
/** RST_STREAM frames of any kind. nghttp2, and with it Node, allows 1,000 at once and 33 in each second. */
const mostAtOnce = 800;
const perSecond = 30;

/**
 * Counts what a client resets. Servers end a connection on which too many streams are reset, and with it the requests of
 * others: before that it should take no new ones, and the next go on another.
 */
export class CancelBudget {
  private beyondCompleted = 0;
  private recent = 0;

  /** A stream was reset, `answered` when its whole response had come. Returns false when there should be no more. */
  reset(answered: boolean): boolean {
    if (!answered) this.beyondCompleted++;
    this.recent++;
    return this.beyondCompleted <= mostBeyondCompleted && this.recent <= mostAtOnce;
  }

  /** A stream was carried to its end. */
  completed(): void {
    if (this.beyondCompleted > 0) this.beyondCompleted--;
  }

  passed(seconds: number): void {
    this.recent = Math.max(0, this.recent - seconds * perSecond);
  }
}
