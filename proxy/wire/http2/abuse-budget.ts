import { ErrorCode } from '../stream.ts';
import { ConnectionError } from './frame.ts';

const resetBudget = 1_000;
const controlBudget = 5_000;
const windowUpdateBudget = 100_000;
const lateBudget = 100;

/**
 * Counts what a peer makes us do for nothing: resets, control frames, empty frames. Each stream that is carried to its
 * end pays some of it back, so that a busy connection lives for ever and an abusive one is ended
 * (RFC 9113 section 10.5, CVE-2019-9512 to 9518, CVE-2023-44487).
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

  reset(): void {
    if (++this.resets > resetBudget) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many streams reset');
  }

  refused(): void {
    if (++this.resets > resetBudget) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many streams refused');
  }

  control(): void {
    if (++this.controls > controlBudget)
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many control frames');
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
