import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** A process by its number and when it began, so that another one that got the number is not taken for it. */
const knownProcess = z.object({ pid: z.int().min(2), startedTicks: z.string() });
export type KnownProcess = z.infer<typeof knownProcess>;
export const knownProcesses = z.array(knownProcess).max(10_000);

const graceMs = 2000;
const lookMs = 50;
/** Fields of /proc/<pid>/stat behind the name of the program, which may hold anything: `starttime` is the 22nd of all. */
const startField = 19;

/** What is known of a process that runs; undefined when there is none. */
export async function processOf(pid: number): Promise<KnownProcess | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const startedTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[startField];
    return startedTicks === undefined ? undefined : { pid, startedTicks };
  } catch {
    return undefined;
  }
}

/**
 * Ends those that still run, each with all of its group: asks first, and kills what has not ended within two seconds.
 * Resolves with how many there were.
 */
export async function endLeftBehind(known: readonly KnownProcess[]): Promise<number> {
  const left = await running(known);
  for (const { pid } of left) signalGroup(pid, 'SIGTERM');
  let still = left;
  for (let waitedMs = 0; still.length > 0 && waitedMs < graceMs; waitedMs += lookMs) {
    await sleep(lookMs);
    still = await running(still);
  }
  for (const { pid } of still) signalGroup(pid, 'SIGKILL');
  return left.length;
}

async function running(known: readonly KnownProcess[]): Promise<KnownProcess[]> {
  const now = await Promise.all(known.map(({ pid }) => processOf(pid)));
  return known.filter(({ startedTicks }, index) => now[index]?.startedTicks === startedTicks);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
