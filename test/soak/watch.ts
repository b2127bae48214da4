import { readdirSync } from 'node:fs';
import { memoryOf } from '../clients/memory-of.ts';

/** What one process holds: sampled while it is under load. */
export class Watched {
  readonly name: string;
  private readonly pid: number;
  private readonly samples: { readonly atMs: number; readonly privateBytes: number }[] = [];

  constructor(name: string, pid: number) {
    this.name = name;
    this.pid = pid;
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  sample(atMs: number): void {
    this.samples.push({ atMs, privateBytes: memoryOf(this.pid).private });
  }

  /** The most private memory of all samples, in bytes. */
  get mostPrivateBytes(): number {
    return this.samples.reduce((most, { privateBytes }) => Math.max(most, privateBytes), 0);
  }

  /** Median private memory in bytes between two times. Single samples swing with the garbage of the moment. */
  privateBytes(fromMs: number, toMs: number): number {
    const sorted = this.samples
      .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
      .map(({ privateBytes }) => privateBytes)
      .sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  }
}
