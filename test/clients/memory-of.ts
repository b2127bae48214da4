import { readFileSync } from 'node:fs';

/** Memory of a process in bytes, as the kernel counts it now. */
export interface Memory {
  readonly rss: number;
  /** What no other process shares. */
  readonly private: number;
}

export function memoryOf(pid: number): Memory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(rollup)?.[1]);
  return {
    rss: kilobytes('Rss') * 1024,
    private: (kilobytes('Private_Clean') + kilobytes('Private_Dirty')) * 1024,
  };
}
