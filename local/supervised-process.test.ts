import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { type ProcessEnd, SupervisedProcess } from './supervised-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tulle-process-'));
const logFile = join(folder, 'log');
const running: SupervisedProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop(1000)));
  rmSync(logFile, { force: true });
});

function start(command: string[]): { process: SupervisedProcess; ends: ProcessEnd[] } {
  const ends: ProcessEnd[] = [];
  const spec = { name: 'web-0/web', command, env: { PATH: process.env.PATH! }, cwd: folder, logFile };
  const supervised = new SupervisedProcess(spec, (end) => ends.push(end));
  running.push(supervised);
  return { process: supervised, ends };
}
const logged = () => readFileSync(logFile, 'utf8');

it('a process that ends is told of and started again', async () => {
  const { ends } = start(['sh', '-c', 'echo started; exit 3']);
  await vi.waitFor(() => expect(logged()).toBe('started\nstarted\n'), 5000);
  expect(ends[0]).toMatchObject({ name: 'web-0/web', reason: 'exit code 3', restartInMs: 500 });
});

it('a killed process comes back with another pid', async () => {
  const { process: supervised, ends } = start(['sleep', '30']);
  const { pid } = supervised;
  process.kill(pid!, 'SIGKILL');
  await vi.waitFor(() => expect(ends[0]?.reason).toBe('signal SIGKILL'));
  await vi.waitFor(() => expect(supervised.pid).toEqual(expect.any(Number)), 5000);
  expect(supervised.pid).not.toBe(pid);
});

it('a command that is not there is told of, and stopping it is no trouble', async () => {
  const { process: supervised, ends } = start(['/nowhere/program']);
  await vi.waitFor(() => expect(ends[0]?.reason).toContain('ENOENT'));
  expect(ends[0].pid).toBeUndefined();
  await supervised.stop(100);
});

it('stopping waits for the end, with the children of the process, and kills what does not listen', async () => {
  const { process: supervised, ends } = start(['sh', '-c', 'trap "" TERM; sleep 30 & echo $!; wait; sleep 30']);
  await vi.waitFor(() => expect(logged()).toMatch(/\d+\n/));
  await supervised.stop(200);
  await vi.waitFor(() => expect(stateOf(Number(logged()))).toBe('gone'));
  expect(ends).toEqual([]);
});

/** A zombie is gone: it only waits for its parent to look. */
function stateOf(pid: number): 'gone' | 'running' {
  try {
    return / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) ? 'gone' : 'running';
  } catch {
    return 'gone';
  }
}
