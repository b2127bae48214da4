import type { Attempt } from '../exchange/attempt.ts';
import type { Backend } from './backend.ts';
import { WeightedChoice } from './weighted-choice.ts';

interface WeightedBackend {
  readonly backend: Backend;
  /** Above 0. */
  readonly weight: number;
}

/** Sends each try to one of several backends, by their weights, or where that one fails everything at once, to another. */
export class Split implements Backend {
  private readonly choice: WeightedChoice<Backend>;

  /** `backends` has one at least. */
  constructor(backends: readonly WeightedBackend[], random: () => number) {
    this.choice = new WeightedChoice(
      backends.map(({ backend, weight }) => ({ item: backend, weight })),
      random,
    );
  }

  get isAvailable(): boolean {
    return this.choice.isAvailable;
  }

  send(attempt: Attempt): void {
    this.choice.next().send(attempt);
  }
}
