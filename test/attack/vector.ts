import { it } from 'vitest';

/** Who attacks: a pod without certificate, a meshed workload with its own, a user with rights in one namespace. */
export type Attacker = 'net' | 'mesh' | 'tenant';

export interface Vector {
  readonly who: Attacker;
  /** What is tried, in a few words. */
  readonly attack: string;
  /** What holds all the same. */
  readonly promise: string;
}

/**
 * One attack, as a test that fails when what is promised does not hold. Each stands as a row in docs/security.md: write
 * the three texts as literals, for the page's test reads them from the source.
 */
export function vector({ who, attack, promise }: Vector, run: () => Promise<void> | void, timeoutMs?: number): void {
  it(`${who}: ${attack}: ${promise}`, run, timeoutMs);
}
