import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Attack } from './attackers.ts';

/** Quiet and attacked in turn: what else the machine does is then in both. */
const longestTurnMs = 15_000;

/** What ordinary calls took while nobody attacked, and while somebody did, in ms. */
export interface Latencies {
  readonly quiet: number[];
  readonly attacked: number[];
}

export interface Hostile {
  /** 99 of 100 calls took no longer, in ms. */
  readonly quietMs: number;
  readonly attackedMs: number;
  readonly attempts: number;
}

/** Attackers that come and go while a load runs. */
export class Attackers {
  readonly latencies: Latencies = { quiet: [], attacked: [] };
  private readonly worker: Worker;
  private attacking = false;
  private attempts = 0;

  constructor(attack: Attack) {
    this.worker = new Worker(new URL('attackers.ts', import.meta.url), { workerData: attack });
    // One that fails would leave a run that proves nothing.
    this.worker.on('error', (error) => {
      throw error;
    });
  }

  /** A call took so long. */
  record(ms: number): void {
    (this.attacking ? this.latencies.attacked : this.latencies.quiet).push(ms);
  }

  /** Attacks in every second turn, until `until` aborts. */
  async run(forMs: number, until: AbortSignal): Promise<Hostile> {
    const turnMs = Math.min(longestTurnMs, forMs / 4);
    while (!until.aborted) {
      await sleep(turnMs, undefined, { signal: until }).catch(() => {});
      if (!until.aborted) await this.attack(!this.attacking);
    }
    await this.attack(false);
    await this.worker.terminate();
    const { quiet, attacked } = this.latencies;
    return { quietMs: quantile(quiet, 0.99), attackedMs: quantile(attacked, 0.99), attempts: this.attempts };
  }

  private async attack(isOn: boolean): Promise<void> {
    this.attacking = isOn;
    const answered = new Promise<number>((resolve) => this.worker.once('message', resolve));
    this.worker.postMessage(isOn);
    this.attempts = await answered;
  }
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
