import { readFileSync } from 'node:fs';

/** Memory of a group of processes, in bytes. */
export interface Memory {
  readonly rss: number;
  readonly pss: number;
  readonly private: number;
}

/** CPU time of processes so far, in microseconds: theirs, with all their threads, and that of children they waited for. */
export function cpuMicros(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, in parentheses, may hold spaces (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    for (const field of fields.slice(11, 15)) ticks += Number(field);
  }
  return ticks * 10_000;
}

/** What the kernel says that the processes hold: shared pages count in full, by share, or not at all. */
export function memoryOf(pids: readonly number[]): Memory {
  const sum = { rss: 0, pss: 0, private: 0 };
  for (const pid of pids) {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    const bytes = (name: string): number =>
      Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0) * 1024;
    sum.rss += bytes('Rss');
    sum.pss += bytes('Pss');
    sum.private += bytes('Private_Clean') + bytes('Private_Dirty');
  }
  return sum;
}

/** A process and all that descend from it. */
export function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  return [pid, ...(children === '' ? [] : children.split(' ').map(Number).flatMap(family))];
}
