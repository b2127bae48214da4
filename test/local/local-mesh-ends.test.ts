import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';

const tulle = join(import.meta.dirname, '../../bin/tulle');
const folder = mkdtempSync(join(tmpdir(), 'tulle-local-ends-'));
const state = join(folder, 'state');
mkdirSync(join(folder, 'dist'));
// It never becomes ready.
writeFileSync(
  join(folder, 'dist/app.yaml'),
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'app', namespace: 'shop' },
    spec: {
      template: {
        metadata: { labels: { app: 'app' }, annotations: { 'tulle.dev/inject': 'enabled' } },
        spec: {
          containers: [{ name: 'app', command: ['sleep', '1000'], readinessProbe: { httpGet: { port: 8080 } } }],
        },
      },
    },
  }),
);

let mesh: { child: ChildProcess; output: () => string } | undefined;
afterEach(() => {
  mesh?.child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Starts it, and waits until its control plane is there. */
async function started() {
  const child = spawn(tulle, ['local', join(folder, 'dist'), '--state', state], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const take = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  mesh = { child, output: () => output };
  await vi.waitFor(() => expect(output).toContain('tulle-identity-0 is ready'), { timeout: 20_000, interval: 50 });
  return mesh;
}
const pids = (): number[] =>
  (JSON.parse(readFileSync(join(state, 'processes.json'), 'utf8')) as { pid: number }[]).map(({ pid }) => pid);
const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it('a killed mesh is found at the next start: its processes are ended; Ctrl-C before all is ready ends at once', async () => {
  const killed = await started();
  const left = pids();
  expect(left.length).toBeGreaterThan(3);
  killed.child.kill('SIGKILL');
  await once(killed.child, 'exit');
  expect(left.filter(isThere)).toEqual(left);

  const next = await started();
  expect(next.output()).toMatch(/^warning: \d+ processes are ended that a mesh has left in .*: it was killed\n/);
  expect(left.filter(isThere)).toEqual([]);

  const running = pids();
  const sinceMs = Date.now();
  next.child.kill('SIGINT');
  const [code] = await once(next.child, 'exit');
  expect(code).toBe(0);
  expect(Date.now() - sinceMs).toBeLessThan(15_000);
  expect(next.output()).not.toContain('all pods are ready');
  expect(running.filter(isThere)).toEqual([]);
  // No key is left.
  expect(readdirSync(state)).toEqual(['logs']);
}, 60_000);
