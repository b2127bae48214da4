import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const main = fileURLToPath(new URL('main.ts', import.meta.url));

it('what others named cannot move the cursor of a terminal in an error', () => {
  const { stderr, status } = spawnSync(process.execPath, [main, 'stat', '\u001b]0;owned\u0007\u202e']);
  expect(`${stderr}`).toContain("error: '\\u001b]0;owned\\u0007\\u202e' must be a kind");
  expect(status).toBe(64);
});

it('a disk that is full is told in one line, with exit code 1', () => {
  const full = openSync('/dev/full', 'w');
  const { stderr, status } = spawnSync(process.execPath, [main, 'version', '--client'], {
    stdio: ['ignore', full, 'pipe'],
  });
  expect(`${stderr}`).toBe('error: standard output cannot be written: ENOSPC: no space left on device, write\n');
  expect(status).toBe(1);
});
