import type { Sender } from '../exchange/plan.ts';

/** One of the places that a rule may send to. */
export interface Backend extends Sender {
  /** False when it fails whatever comes at once: where there is another place, that is to have it. */
  readonly isAvailable: boolean;
}
