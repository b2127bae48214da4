import { execFileSync, spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { run } from '../testing/run.ts';
import { meshForm } from '../values/mesh-forms.ts';
import { pathsOf } from '../values/value-forms.ts';

/** What bash offers for a line whose last word is being written. */
function offered(script: string, ...words: string[]): string[] {
  const line = `${script}\nCOMP_WORDS=(tulle ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _tulle; printf '%s\\n' "\${COMPREPLY[@]}"`;
  // The script is long: it comes by standard input.
  return execFileSync('bash', ['-s'], { input: line, encoding: 'utf8' })
    .split('\n')
    .filter((each) => each !== '');
}

const script = async (shell: string): Promise<string> => (await run(['completion', shell])).out;

it('bash completes commands, those below them, options, and their values', async () => {
  const bash = await script('bash');
  const offers = (...words: string[]): string[] => offered(bash, ...words);
  expect(offers('inst')).toEqual(['install']);
  expect(offers('ex')).toEqual(['explain']);
  expect(offers('diagnostics', 'po')).toEqual(['policy']);
  expect(offers('dg', 'po')).toEqual(['policy']);
  expect(offers('explain', '--man')).toEqual(['--manifests']);
  expect(offers('explain', '-o')).toEqual([]);
  expect(offers('explain', '--output', 'j')).toEqual(['json']);
  expect(offers('explain', '-o', 'j')).toEqual(['json']);
  // Bash takes --output=j apart.
  expect(offers('explain', '--output', '=', 'j')).toEqual(['json']);
  expect(offers('stat', 'deploy', '--output', '=')).toEqual(['table', 'wide', 'json', 'yaml']);
  expect(offers('--namesp')).toEqual(['--namespace']);
  expect(offers('-n', 'install', 'stat', '--unm')).toEqual(['--unmeshed']);
  expect(offers('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  expect(offers('compare', '--fail-on', 'o')).toEqual(['opened']);
});

it('bash completes kinds, each where it can be meant', async () => {
  const bash = await script('bash');
  const offers = (...words: string[]): string[] => offered(bash, ...words);
  expect(offers('edges', 'dep')).toEqual(['deployment', 'deploy']);
  expect(offers('-n', 'shop', 'stat', 's')).toEqual(['statefulset', 'sts', 'service', 'svc']);
  expect(offers('stat', 'tls')).toEqual(['tlsroute']);
  expect(offers('stat', 'deploy', '--from', 'dep')).toEqual(['deployment', 'deploy']);
  expect(offers('stat', 'deploy', '--to', 'sv')).toEqual(['svc']);
  expect(offers('edges', 'sv')).toEqual([]);
  expect(offers('diagnostics', 'policy', 'sv')).toEqual(['svc']);
  expect(offers('dg', 'proxy-metrics', 'po')).toEqual(['pod', 'po']);
});

it('bash completes properties of Mesh behind --set, and what they may be behind their =', async () => {
  const bash = await script('bash');
  const offers = (...words: string[]): string[] => offered(bash, ...words);
  expect(offers('install', '--set', 'dataP')).toEqual(['dataPlane=']);
  expect(offers('install', '--set', 'dataPlane', '=', '')).toEqual(['tulle']);
  expect(offers('install', '--set', 'dataPlane', '=')).toEqual(['tulle']);
  expect(offers('install', '--data-plane', '')).toEqual(['tulle']);
  expect(offers('upgrade', '--set', 'trustAnchors', '=', 'c')).toEqual(['certManager']);
  expect(offers('install', '--set', 'components.destination.rep')).toEqual(['components.destination.replicas=']);
  expect(offers('install', '--set', 'components.tap.logLevel', '=', 'd')).toEqual(['debug']);
  expect(offers('install', '--set', 'nodeSel')).toEqual(['nodeSelector.']);
  // A list of maps cannot be said so.
  expect(offers('install', '--set', 'tolera')).toEqual([]);
  expect(offers('inject', '--set', 'opaque-p')).toEqual(['opaque-ports=']);
});

it('what no list has is left to names of files', async () => {
  const bash = await script('bash');
  for (const words of [
    ['inject', ''],
    ['install', '--values', ''],
    ['install', '-f', ''],
    ['install', '--set', 'clusterDomain', '=', ''],
  ])
    expect([words, offered(bash, ...words)]).toEqual([words, []]);
});

it('every property that completion names can be set by it', () => {
  const paths = Object.entries(pathsOf(meshForm));
  expect(paths.length).toBeGreaterThan(100);
  for (const [path, words] of paths) {
    for (const word of words) {
      const problems: string[] = [];
      const value = path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), word);
      meshForm.read(value, '', (place, _, expected) => {
        // What others must stand beside is for whoever writes them.
        if (!expected.startsWith('other than it is')) problems.push(`${place}: ${expected}`);
      });
      expect(problems).toEqual([]);
    }
  }
});

it.each(['zsh', 'fish'] as const)('%s is told every command', async (shell) => {
  const { out } = await run(['completion', shell]);
  for (const name of ['install', 'explain', 'diagnostics', 'policy', 'manifests', 'tlsroute', 'dataPlane=', 'wide'])
    expect(out).toContain(name);
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
