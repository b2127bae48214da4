import type { RetryBudgetOptions } from '../model/tries.ts';

const slots = 10;

/**
 * Retries, as a part of the requests of the last while (Finagle's RetryBudget): when much fails, tries do not multiply.
 * What was put in or taken out is forgotten a tenth of the while at a time.
 */
export class RetryBudget {
  private readonly options: RetryBudgetOptions;
  private readonly slotMs: number;
  /** Retries that the requests of each part of the while are worth, less those that were made. */
  private readonly balance = new Float64Array(slots);
  private slot = 0;

  constructor(options: RetryBudgetOptions) {
    this.options = options;
    this.slotMs = options.ttlMs / slots;
  }

  /** A request has come. */
  deposit(nowMs: number): void {
    this.balance[this.at(nowMs)] += this.options.ratio;
  }

  /** Whether one may be tried again: then it counts as a retry. */
  withdraw(nowMs: number): boolean {
    const at = this.at(nowMs);
    const reserve = (this.options.minPerSecond * this.options.ttlMs) / 1000;
    let left = reserve;
    for (let i = 0; i < slots; i++) left += this.balance[i];
    // Sums of tenths are not exact.
    if (left < 1 - 1e-9) return false;
    this.balance[at] -= 1;
    return true;
  }

  private at(nowMs: number): number {
    const now = Math.floor(nowMs / this.slotMs);
    const passed = Math.min(now - this.slot, slots);
    for (let i = 1; i <= passed; i++) this.balance[(this.slot + i) % slots] = 0;
    if (passed > 0) this.slot = now;
    return this.slot % slots;
  }
}
