/** Memory from `from` to `to`, addresses of this process. */
export interface PageRange {
  readonly from: bigint;
  readonly to: bigint;
}

const mapping = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ +(.+)$/;

/**
 * Where the runtime's program lies in memory, as far as it is as it is in its file: pages there come back from the
 * file when they are needed again. `smaps` is /proc/self/smaps (proc(5)), `executable` the file of this process.
 */
export function executablePages(smaps: string, executable: string): PageRange[] {
  const ranges: PageRange[] = [];
  let current: PageRange | undefined;
  for (const line of smaps.split('\n')) {
    const [, from, to, permissions, file] = mapping.exec(line) ?? [];
    if (from !== undefined) {
      const isProgram = file === executable && permissions[1] === '-' && permissions[3] === 'p';
      current = isProgram ? { from: BigInt(`0x${from}`), to: BigInt(`0x${to}`) } : undefined;
    } else if (current !== undefined && /^Anonymous: +0 kB$/.test(line)) {
      // Pages that were written to, as relocated data is, are nowhere else.
      ranges.push(current);
      current = undefined;
    }
  }
  return ranges;
}
