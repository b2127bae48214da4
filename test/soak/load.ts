import { setTimeout as sleep } from 'node:timers/promises';
import type { Call, Target } from './calls.ts';
import type { SeededRandom } from './random.ts';

/** How the calls of one kind went. */
export interface Tally {
  readonly name: string;
  done: number;
  /** Given up by the client, on purpose. */
  abandoned: number;
  readonly failures: string[];
}

const maxFailuresTold = 20;
/** Between two calls of a loop: load, but not all that there could be. */
const pauseMs = 5;
/** Latest that a call is abandoned: most are under way then. */
const maxAbandonMs = 60;

/** Calls again and again, one after the other, until `until` aborts. */
export async function callInLoop(
  call: Call,
  target: Target,
  random: SeededRandom,
  share: number,
  tally: Tally,
  until: AbortSignal,
  onDone: (tookMs: number) => void = () => {},
): Promise<void> {
  while (!until.aborted) {
    const abandon = new AbortController();
    const abandoned = random.chance(share);
    const timer = abandoned ? setTimeout(() => abandon.abort(), random.between(0, maxAbandonMs)) : undefined;
    const beganMs = performance.now();
    try {
      await call(target, random, abandon.signal);
      tally.done++;
      onDone(performance.now() - beganMs);
    } catch (error) {
      if (abandon.signal.aborted) tally.abandoned++;
      else if (tally.failures.push((error as Error).message) > maxFailuresTold) tally.failures.shift();
    } finally {
      clearTimeout(timer);
    }
    await sleep(pauseMs);
  }
}
