import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { run } from '../../cli/testing/run.ts';
import { stepsOf } from './guide.ts';

/** docs/guides/testing.md, typed from top to bottom. */
const root = resolve(import.meta.dirname, '../..');
const work = mkdtempSync(join(tmpdir(), 'tulle-testing-guide-'));
for (const name of ['bin', 'examples', 'node_modules', 'cdk8s.yaml']) symlinkSync(join(root, name), join(work, name));
afterAll(() => rmSync(work, { recursive: true }));

for (const step of stepsOf(readFileSync(join(root, 'docs/guides/testing.md'), 'utf8'))) {
  if (step.kind !== 'commands') continue;
  it(`line ${step.line}: ${step.commands.at(-1)}`, async () => {
    let printed = '';
    for (const command of step.commands) {
      const [program, ...args] = command.split(' ');
      if (program === 'bin/tulle') printed = (await run(args, { cwd: work })).out;
      else execFileSync('bash', ['-c', command], { cwd: work, stdio: 'pipe' });
    }
    expect(printed.startsWith(step.prints ?? ''), printed).toBe(true);
  }, 60_000);
}
