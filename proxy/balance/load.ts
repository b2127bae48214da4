import { PeakEwma } from './peak-ewma.ts';
import { type Penalty, PenaltyPeakEwma } from './penalty-ewma.ts';

/** How the load of endpoints is measured. */
export interface LoadConfig {
  /** Stands for the round trip of an endpoint that has not answered yet, in ms. */
  readonly defaultRttMs: number;
  /** Time constant by which older round trips fade, in ms, more than 0. */
  readonly decayMs: number;
  /** Undefined when answers cost an endpoint nothing but the time that they take. */
  readonly penalty: Penalty | undefined;
}

export const plainLoad: LoadConfig = Object.freeze({ defaultRttMs: 30, decayMs: 10_000, penalty: undefined });

/** The load of one endpoint. */
export function makeLoad({ defaultRttMs, decayMs, penalty }: LoadConfig, nowMs: number): PeakEwma {
  if (penalty === undefined) return new PeakEwma(nowMs, defaultRttMs, decayMs);
  return new PenaltyPeakEwma(nowMs, penalty, defaultRttMs, decayMs);
}
