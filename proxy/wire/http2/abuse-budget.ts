import { ErrorCode } from '../stream.ts';
import { ConnectionError } from './frame.ts';

const resetBudget = 1_000;
const controlBudget = 5_000;
const windowUpdateBudget = 100_000;
const lateBudget = 100;

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
  private resets = 0;
  private controls = 0;
  private windowUpdates = 0;
  private lates = 0;

  completed(): void {
    if (this.resets > 0) this.resets--;
    this.controls = Math.max(0, this.controls - 10);
    this.windowUpdates = Math.max(0, this.windowUpdates - 50);
    this.lates = Math.max(0, this.lates - 1);
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
    if (++this.resets > resetBudget) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many streams reset');
  }

  refused(): void {
    if (++this.resets > resetBudget) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many streams refused');
  }

  control(count = 1): void {
    this.controls += count;
    if (this.controls > controlBudget) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many control frames');
  }

  windowUpdate(): void {
    if (++this.windowUpdates > windowUpdateBudget)
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many window updates');
  }

  /** Data behind a reset that the peer had not seen yet. Returns true once there was more than that explains. */
  late(): boolean {
    return ++this.lates > lateBudget;
  }
}
