/**
 * Deadlines of a connection. The codecs have no clock: whoever owns a connection calls its `checkDeadlines` with the
 * time every second or so, and a deadline is noticed at the first call behind it.
 */
export interface Deadlines {
  /** For a head, header block or frame, from its first byte to its last, and for HTTP/2's first SETTINGS. */
  headMs: number;
  /** For a peer that takes nothing of what waits for it: a socket that stays full, a window that stays shut. */
  stallMs: number;
  /** For the peer to close its side, or to end a request that has its whole answer, once we have closed ours. */
  closeMs: number;
  /**
   * For a client of HTTP/1 that asks for nothing. One of HTTP/2 may be asked for a sign of life instead. It must be longer
   * than clients keep their connections (Google's balancers 10 minutes, Java 20), or else it meets their next request.
   */
  idleMs: number;
}

export const defaultDeadlines: Deadlines = { headMs: 30_000, stallMs: 300_000, closeMs: 10_000, idleMs: 3_600_000 };

/** Tells how long a condition has held, by looking now and then. */
export class Since {
  private fromMs = -1;

  /** True once `holds` has been true at every call for `limitMs`. */
  exceeds(holds: boolean, nowMs: number, limitMs: number): boolean {
    if (!holds) this.fromMs = -1;
    else if (this.fromMs < 0) this.fromMs = nowMs;
    return holds && nowMs - this.fromMs >= limitMs;
  }

  /** The condition began anew. */
  restart(): void {
    this.fromMs = -1;
  }
}
