export interface Weighted<T> {
  readonly item: T;
  /** Above 0. */
  readonly weight: number;
}

/** Its multiples, without their whole parts, are spread more evenly than those of any other number. */
const goldenRatio = (Math.sqrt(5) - 1) / 2;

/**
 * Chooses one of several by their weights, or where that one is not available, one of the others, by theirs.
 *
 * The shares come out even over few choices, too: instead of at random, items are picked by a sequence of low discrepancy
 * that begins at random, so that proxies do not go in step.
 */
export class WeightedChoice<T extends { readonly isAvailable: boolean }> {
  private readonly items: readonly Weighted<T>[];
  private readonly total: number;
  private at: number;

  /** `items` has one at least. */
  constructor(items: readonly Weighted<T>[], random: () => number) {
    this.items = items;
    this.total = totalOf(items);
    this.at = random();
  }

  get isAvailable(): boolean {
    return this.items.some(({ item }) => item.isAvailable);
  }

  next(): T {
    this.at = (this.at + goldenRatio) % 1;
    const picked = pick(this.items, this.total, this.at);
    return picked.isAvailable ? picked : this.another(picked);
  }

  private another(failing: T): T {
    const others = this.items.filter(({ item }) => item.isAvailable);
    return others.length === 0 ? failing : pick(others, totalOf(others), this.at);
  }
}

const totalOf = (items: readonly Weighted<unknown>[]): number => items.reduce((total, { weight }) => total + weight, 0);

/** The item at a place from 0 to 1. */
function pick<T>(items: readonly Weighted<T>[], total: number, place: number): T {
  let left = place * total;
  for (let i = 0; i < items.length - 1; i++) {
    left -= items[i].weight;
    if (left < 0) return items[i].item;
  }
  return items[items.length - 1].item;
}
