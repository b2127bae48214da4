import { setTimeout as sleep } from 'node:timers/promises';

/** Does round after round until `signal` aborts. Each says how long to wait before the next, in ms, and never rejects. */
export async function doRounds(signal: AbortSignal, round: () => Promise<number>): Promise<void> {
  while (!signal.aborted) {
    const waitMs = await round();
    // Aborted by whoever closes, which the loop's condition sees.
    await sleep(waitMs, undefined, { signal }).catch(() => {});
  }
}
