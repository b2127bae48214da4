import { execFileSync, spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { run } from '../testing/run.ts';

/** What bash offers for a line whose last word is being written. */
function offered(script: string, ...words: string[]): string[] {
  const line = `${script}\nCOMP_WORDS=(tulle ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _tulle; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', line], { encoding: 'utf8' })
    .split('\n')
    .filter((each) => each !== '');
}

it('bash completes commands, those below them, options, and their values', async () => {
  const { out } = await run(['completion', 'bash']);
  expect(offered(out, 'inst')).toEqual(['install']);
  expect(offered(out, 'ex')).toEqual(['explain']);
  expect(offered(out, 'diagnostics', 'po')).toEqual(['policy']);
  expect(offered(out, 'explain', '--man')).toEqual(['--manifests']);
  expect(offered(out, 'explain', '-o')).toEqual([]);
  expect(offered(out, 'explain', '--output', 'j')).toEqual(['json']);
  expect(offered(out, '--namesp')).toEqual(['--namespace']);
});

it.each(['zsh', 'fish'] as const)('%s is told every command', async (shell) => {
  const { out } = await run(['completion', shell]);
  for (const name of ['install', 'explain', 'diagnostics', 'policy', 'manifests']) expect(out).toContain(name);
  if (spawnSync(shell, ['--version']).error === undefined) {
    execFileSync(shell, ['-n', '/dev/stdin'], { input: out });
  }
});

it('another shell is refused with those that there are', async () => {
  await expect(run(['completion', 'tcsh'])).rejects.toMatchObject({
    error: { message: expect.stringContaining('Allowed choices are bash, zsh, fish') },
  });
});

it.each(['--version', '-v'])('%s prints the version', async (flag) => {
  await expect(run([flag])).rejects.toMatchObject({
    out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    error: { exitCode: 0 },
  });
});
