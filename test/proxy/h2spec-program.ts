import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The last release that is a valid Go module. */
const version = 'v2.2.1';

/** h2spec, from PATH or built once into the user's cache by Go; `missing` says why there is none. */
export function h2specProgram(): { path: string } | { missing: string } {
  if (spawnSync('h2spec', ['--version']).status === 0) return { path: 'h2spec' };
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tulle', `h2spec-${version}`);
  const path = join(folder, 'h2spec');
  if (existsSync(path)) return { path };
  if (spawnSync('go', ['version']).status !== 0) return { missing: 'neither h2spec nor Go is on this machine' };
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync(
    'go',
    ['install', `github.com/summerwind/h2spec/cmd/h2spec@${version}+incompatible`],
    {
      env: { ...process.env, GOBIN: folder },
      encoding: 'utf8',
      timeout: 240_000,
    },
  );
  if (status === 0) return { path };
  return { missing: `Go cannot build h2spec: ${stderr?.trim().split('\n').at(-1) ?? 'timeout'}` };
}
