import { expect, it } from 'vitest';
import { executablePages } from './start-pages.ts';

const entry = (head: string, anonymousKb: number): string =>
  `${head}\nSize: 100 kB\nRss: 80 kB\nAnonymous:             ${anonymousKb} kB\nLazyFree: 0 kB\nVmFlags: rd mr mw me sd\n`;
const smaps = [
  entry('00200000-01a39000 r--p 00000000 fe:00 1234                             /usr/bin/bun', 0),
  entry('01a3a000-06844000 r-xp 01839000 fe:00 1234                             /usr/bin/bun', 0),
  entry('06845000-06b00000 r--p 06643000 fe:00 1234                             /usr/bin/bun', 2412),
  entry('06b00000-06c00000 rw-p 068fe000 fe:00 1234                             /usr/bin/bun', 0),
  entry('7f0000000000-7f0000100000 r-xp 00000000 fe:00 99                       /usr/lib/libc.so.6', 0),
  entry('7f0000200000-7f0000300000 r--p 00000000 00:00 0 ', 0),
].join('');

it('only what is as it is in the file of the program may be given back', () => {
  expect(executablePages(smaps, '/usr/bin/bun')).toEqual([
    { from: 0x200000n, to: 0x1a39000n },
    { from: 0x1a3a000n, to: 0x6844000n },
  ]);
});

it('nothing is, where the program is not known', () => {
  expect(executablePages(smaps, '')).toEqual([]);
  expect(executablePages('', '/usr/bin/bun')).toEqual([]);
});
