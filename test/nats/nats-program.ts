import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const files = ['go.mod', 'go.sum', 'main.go', 'serve.go', 'exchange.go'];
/** Where Debian and Go's own archive put it; the PATH of a service often has not that. */
const goFolder = '/usr/local/go/bin';

/**
 * The program of this folder, a real NATS server and its clients, built once into the user's cache (half a minute of a
 * core); `missing` says why there is none.
 */
export function natsProgram(): { path: string } | { missing: string } {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(join(import.meta.dirname, file)));
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tulle');
  const path = join(cache, `nats-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(path)) return { path };
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${goFolder}`, CGO_ENABLED: '0' };
  if (spawnSync('go', ['version'], { env }).status !== 0) {
    return { missing: 'Go, which builds it, is not on this machine' };
  }
  mkdirSync(cache, { recursive: true });
  const partial = `${path}.${process.pid}`;
  const { status, stderr } = spawnSync(
    'go',
    ['build', '-buildvcs=false', '-trimpath', '-ldflags=-s -w', '-o', partial, '.'],
    { cwd: import.meta.dirname, env, encoding: 'utf8', timeout: 240_000 },
  );
  if (status !== 0) return { missing: `Go cannot build it: ${stderr?.trim().split('\n').at(-1) ?? 'timeout'}` };
  // At once, so that a build cut short is done again.
  renameSync(partial, path);
  return { path };
}
