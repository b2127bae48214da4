import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Where Debian and Go's own archive put it; the PATH of a service often has not that. */
const goFolder = '/usr/local/go/bin';

export interface GoProgram {
  /** Of the program in the cache. */
  readonly name: string;
  /** The folder of the Go module. */
  readonly module: string;
  /** Arguments of `go` that build it, but for where to. */
  readonly build: readonly string[];
  readonly timeoutMs: number;
}

export type Built = { readonly path: string } | { readonly missing: string };

/**
 * A program of a Go module in this repository, built once into the user's cache and again when a file of the module
 * changes; `missing` says why there is none.
 */
export async function goProgram({ name, module, build, timeoutMs }: GoProgram): Promise<Built> {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tulle');
  const path = join(cache, `${name}-${fingerprint(module)}`);
  if (existsSync(path)) return { path };
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${goFolder}`, CGO_ENABLED: '0' };
  const go = (args: readonly string[]) => promisify(execFile)('go', args, { cwd: module, env, timeout: timeoutMs });
  try {
    await go(['version']);
  } catch {
    return { missing: 'Go, which builds it, is not on this machine' };
  }
  mkdirSync(cache, { recursive: true });
  const partial = `${path}.${process.pid}`;
  const [command, ...args] = build;
  try {
    await go([command, '-buildvcs=false', '-trimpath', '-ldflags=-s -w', '-o', partial, ...args]);
  } catch (error) {
    const { stderr, killed } = error as { stderr?: string; killed?: boolean };
    const why = killed ? `it took more than ${timeoutMs / 1000} s` : (stderr?.trim().split('\n').at(-1) ?? `${error}`);
    return { missing: `Go cannot build it: ${why}` };
  }
  // At once, so that a build cut short is done again.
  renameSync(partial, path);
  return { path };
}

/** Of the files that go into a build, by their names and content. */
function fingerprint(module: string): string {
  const hash = createHash('sha256');
  const files = readdirSync(module, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.(ts|json|md)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) hash.update(file.slice(module.length)).update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}
