/**
 * `npm run check`: everything CI checks besides the tests. Runs all of it, then fails once with the names of what failed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

const checks: readonly { name: string; command: string[] }[] = [
  { name: 'types', command: ['tsc', '--noEmit'] },
  { name: 'lint and format', command: ['biome', 'check', '.'] },
  { name: 'generated files', command: ['node', 'build/generate.ts', '--check'] },
  { name: 'API as it is written down', command: ['node', 'build/api.ts', '--check'] },
  { name: 'import rules', command: ['vitest', 'run', 'test/house'] },
];

const failed: string[] = [];
for (const { name, command } of checks) {
  const [program, ...args] = command;
  const local = resolve(root, 'node_modules/.bin', program);
  console.log(`\n# ${name}: ${command.join(' ')}`);
  const { status, error } = spawnSync(existsSync(local) ? local : program, args, { cwd: root, stdio: 'inherit' });
  if (error) console.error(`${program}: ${error.message}`);
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`\ncheck failed: ${failed.join(', ')}`);
  process.exit(1);
}
console.log('\ncheck passed');
