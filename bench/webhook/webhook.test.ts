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

it('the benchmark fails on numbers that are none', () => {
  expect(run('--limit-ms=0')).toMatchObject({ status: 64, stderr: '--limit-ms (0) must be a whole number above 0\n' });
});
