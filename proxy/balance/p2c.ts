/** An endpoint as the balancer sees it. */
export interface Candidate {
  /** Relative share of traffic, at least 1. */
  readonly weight: number;
  cost(nowMs: number): number;
}

/**
 * Power of two choices: draws two different candidates by weight and takes the less loaded. Nearly as good as comparing
 * all, at a cost that does not grow with them, and without the herd that runs to the single best one
 * (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing").
 */
export class P2c<T extends Candidate> {
  private readonly random: () => number;
  private candidates: readonly T[] = [];
  /** Running sums of the weights; undefined while all are equal, the usual case. */
  private sums: Float64Array | undefined = undefined;

  /** `random` gives numbers in [0, 1). */
  constructor(random: () => number) {
    this.random = random;
  }

  get size(): number {
    return this.candidates.length;
  }

  replace(candidates: readonly T[]): void {
    this.candidates = candidates;
    this.sums = undefined;
    if (candidates.every((candidate) => candidate.weight === candidates[0].weight)) return;
    const sums = new Float64Array(candidates.length);
    let sum = 0;
    candidates.forEach((candidate, i) => {
      sum += Math.max(1, candidate.weight);
      sums[i] = sum;
    });
    this.sums = sums;
  }

  /** `avoid` is taken only when there is no other. */
  pick(nowMs: number, avoid: unknown = undefined): T | undefined {
    const { candidates } = this;
    const count = candidates.length;
    if (count <= 1) return candidates[0];
    const first = this.draw();
    let second = this.sums === undefined ? Math.floor(this.random() * (count - 1)) : this.draw();
    if (this.sums === undefined) {
      if (second >= first) second++;
    } else if (second === first) second = (first + 1) % count;
    const a = candidates[first];
    const b = candidates[second];
    if (a === avoid) return b;
    if (b === avoid) return a;
    return a.cost(nowMs) <= b.cost(nowMs) ? a : b;
  }

  private draw(): number {
    const { sums } = this;
    const count = this.candidates.length;
    if (sums === undefined) return Math.floor(this.random() * count);
    const at = this.random() * sums[count - 1];
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle] > at) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
