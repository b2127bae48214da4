import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { endLeftBehind, processOf } from './left-behind.ts';
import { StateFolder } from './state-folder.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
/** As a mesh starts what it runs: in a group of its own. */
async function started(script: string): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn('sh', ['-c', `${script} echo ready; while :; do sleep 1; done`], { detached: true });
  children.push(child);
  await once(child.stdout, 'data');
  return child as ChildProcess & { readonly pid: number };
}
const known = async (child: { readonly pid: number }) => (await processOf(child.pid)) ?? { pid: 0, startedTicks: '' };

it('ends what it is told of, also what does not want to, and counts what was there', async () => {
  const [meek, stubborn] = await Promise.all([started(''), started("trap '' TERM;")]);
  const exits = [once(meek, 'exit'), once(stubborn, 'exit')];
  const gone = { pid: 2 ** 22 + 1, startedTicks: '1' };
  expect(await endLeftBehind([await known(meek), await known(stubborn), gone])).toBe(2);
  expect((await Promise.all(exits)).map(([, signal]) => signal)).toEqual(['SIGTERM', 'SIGKILL']);
});

it('leaves a process alone that only has the number of one', async () => {
  const other = await started('');
  expect(await endLeftBehind([{ pid: other.pid, startedTicks: '1' }])).toBe(0);
  expect(await processOf(other.pid)).toBeDefined();
});

it('a folder in which somebody else wrote is claimed all the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-left-'));
  try {
    for (const text of ['nonsense', '[{"pid":1,"startedTicks":"1"}]', '{"pid":-1}']) {
      writeFileSync(join(folder, 'processes.json'), text);
      expect(await new StateFolder(folder).claim()).toBe(0);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
