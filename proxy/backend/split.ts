import type { Attempt } from '../exchange/attempt.ts';
import type { Backend } from './backend.ts';

export interface WeightedBackend {
  readonly backend: Backend;
  /** Above 0. */
  readonly weight: number;
}

/** Its multiples, without their whole parts, are spread more evenly than those of any other number. */
const goldenRatio = (Math.sqrt(5) - 1) / 2;

/**
 * Sends each try to one of several backends, by their weights, or where that one fails everything at once, to one of the
 * others, by theirs.
 *
 * The shares come out even over few requests, too: instead of at random, places are picked by a sequence of low
 * discrepancy that begins at random, so that proxies do not go in step.
 */
export class Split implements Backend {
  private readonly backends: readonly WeightedBackend[];
  private readonly total: number;
  private at: number;

  /** `backends` has one at least. */
  constructor(backends: readonly WeightedBackend[], random: () => number) {
    this.backends = backends;
    this.total = totalOf(backends);
    this.at = random();
  }

  get isAvailable(): boolean {
    return this.backends.some(({ backend }) => backend.isAvailable);
  }

  send(attempt: Attempt): void {
    this.at = (this.at + goldenRatio) % 1;
    const picked = pick(this.backends, this.total, this.at);
    (picked.isAvailable ? picked : this.another(picked)).send(attempt);
  }

  private another(failing: Backend): Backend {
    const others = this.backends.filter(({ backend }) => backend.isAvailable);
    return others.length === 0 ? failing : pick(others, totalOf(others), this.at);
  }
}

/** Sends to the first of several backends that does not fail everything at once. */
export class FirstAvailable implements Backend {
  private readonly backends: readonly Backend[];

  /** `backends` has one at least. */
  constructor(backends: readonly Backend[]) {
    this.backends = backends;
  }

  get isAvailable(): boolean {
    return this.backends.some(({ isAvailable }) => isAvailable);
  }

  send(attempt: Attempt): void {
    (this.backends.find(({ isAvailable }) => isAvailable) ?? this.backends[0]).send(attempt);
  }
}

const totalOf = (backends: readonly WeightedBackend[]): number =>
  backends.reduce((total, { weight }) => total + weight, 0);

/** The backend at a place from 0 to 1. */
function pick(backends: readonly WeightedBackend[], total: number, place: number): Backend {
  let left = place * total;
  for (let i = 0; i < backends.length - 1; i++) {
    left -= backends[i].weight;
    if (left < 0) return backends[i].backend;
  }
  return backends[backends.length - 1].backend;
}
