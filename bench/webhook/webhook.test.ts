import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), '--rate=20', '--seconds=1', ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });

it('a process of the injector gives every pod its sidecar over TLS that it made itself', { timeout: 60_000 }, () => {
  const { status, stdout, stderr } = run('--limit-ms=60000');
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^20 pods injected: p50 [\d.]+ ms, p99 [\d.]+ ms, max [\d.]+ ms$/m);
  expect(stdout).toMatch(/GET replicasets 6/);
  expect(stdout).toMatch(/^ok {3}p99 [\d.]+ ms \(below 60000 ms\)$/m);
});

it('the benchmark refuses numbers that are none and flags that it does not have, and says which there are', () => {
  for (const [flag, problem] of [
    ['--limit-ms=0', '--limit-ms (0) must be a whole number above 0'],
    ['--pods=5', "Unknown option '--pods'"],
  ]) {
    const { status, stderr } = run(flag);
    expect([status, stderr.split('\n')[0]]).toEqual([64, problem]);
    expect(stderr).toContain('usage: npm run bench:webhook -- [--rate 500]');
  }
  expect(run('--help')).toMatchObject({ status: 0, stderr: '' });
});
