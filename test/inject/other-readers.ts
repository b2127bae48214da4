import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a reader of YAML that is not ours made of a text. */
export type Reading = { readonly value: unknown } | { readonly error: string };

export interface OtherReader {
  readonly name: string;
  /** Why it cannot be asked here; undefined when it can. */
  readonly missing: string | undefined;
  read(texts: readonly string[]): Reading[];
}

/** sigs.k8s.io/yaml, the library that kubectl and the API server read with. Needs Go, and its module once. */
export function goReader(): OtherReader & { close(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'tulle-reader-'));
  const program = join(folder, 'reader');
  const source = join(import.meta.dirname, 'kubectl-reader');
  const built = spawnSync('go', ['build', '-o', program, '.'], { cwd: source, encoding: 'utf8', timeout: 120_000 });
  return {
    name: 'sigs.k8s.io/yaml',
    missing: built.error?.message ?? (built.status === 0 ? undefined : built.stderr),
    read: (texts) => ask(program, [], texts),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const python = `
import datetime, json, sys, yaml
def read(text):
    try:
        return {'value': yaml.safe_load(text)}
    except yaml.YAMLError as error:
        return {'error': str(error)}
json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout, default=str)
`;

/** PyYAML: YAML 1.1 too, where it has no word for numbers of base 60, and none for y and n. */
export function pythonReader(): OtherReader {
  const found = spawnSync('python3', ['-c', 'import yaml'], { encoding: 'utf8', timeout: 30_000 });
  return {
    name: 'PyYAML',
    missing: found.error?.message ?? (found.status === 0 ? undefined : found.stderr),
    read: (texts) => ask('python3', ['-c', python], texts),
  };
}

function ask(program: string, args: readonly string[], texts: readonly string[]): Reading[] {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input: JSON.stringify(texts),
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`);
  return JSON.parse(stdout);
}
