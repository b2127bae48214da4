import type { PeerBudget } from '../peer-budget.ts';
import { ErrorCode } from '../stream.ts';
import { ConnectionError } from './frame.ts';

const resetBudget = 1_000;
const controlBudget = 5_000;
const windowUpdateBudget = 100_000;

/** What time alone pays back, in a second: keepalive pings and a client that cancels now and then go on for ever. */
const resetsPerSecond = 5;
const controlsPerSecond = 20;
const windowUpdatesPerSecond = 1_000;

/** Window updates that a DATA frame of ours explains: a reader may give credit for each piece that it reads. */
const windowUpdatesPerFrame = 16;

/**
 * Counts what a peer makes us do for nothing: resets (its own, and those that its errors make us send), control frames,
 * empty frames. Streams that are carried to their end, bytes sent and time pay it back, so that a busy connection lives
 * for ever and an abusive one is ended (RFC 9113 section 10.5, CVE-2019-9512 to 9518, CVE-2023-44487, CVE-2025-8671).
 */
export class AbuseBudget {
  /** Of all connections of the peer; undefined where there is none. */
  private readonly peer: PeerBudget | undefined;
  private resets = 0;
  private controls = 0;
  private windowUpdates = 0;
  /** What the peer may still send on streams that it does not know to be over: their windows, and their ends. */
  private lateBytes = 0;
  private lateEnds = 0;

  constructor(peer: PeerBudget | undefined) {
    this.peer = peer;
  }

  completed(): void {
    this.peer?.completed();
    if (this.resets > 0) this.resets--;
    this.controls = Math.max(0, this.controls - 10);
    this.windowUpdates = Math.max(0, this.windowUpdates - 50);
  }

  /** A DATA frame was written. */
  sent(): void {
    this.windowUpdates = Math.max(0, this.windowUpdates - windowUpdatesPerFrame);
  }

  passed(seconds: number): void {
    this.resets = Math.max(0, this.resets - seconds * resetsPerSecond);
    this.controls = Math.max(0, this.controls - seconds * controlsPerSecond);
    this.windowUpdates = Math.max(0, this.windowUpdates - seconds * windowUpdatesPerSecond);
  }

  reset(): void {
    if (++this.resets > resetBudget || this.peer?.reset() === false)
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many streams reset');
  }

  refused(): void {
    if (++this.resets > resetBudget || this.peer?.reset() === false)
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many streams refused');
  }

  control(count = 1): void {
    this.controls += count;
    if (this.controls > controlBudget) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many control frames');
  }

  windowUpdate(): void {
    if (++this.windowUpdates > windowUpdateBudget)
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many window updates');
  }

  /** A stream was ended from our side while the peer could still send `windowBytes` and an end on it. */
  abandoned(windowBytes: number): void {
    this.lateBytes += Math.max(0, windowBytes);
    this.lateEnds++;
  }

  /** Takes what came for a stream that is no more. Returns false when no stream that was abandoned explains it. */
  late(bytes: number, ends: boolean): boolean {
    if (bytes > this.lateBytes || (ends && this.lateEnds === 0)) return false;
    this.lateBytes -= bytes;
    if (ends) this.lateEnds--;
    return true;
  }
}
