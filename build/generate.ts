/**
 * Generates `gen` from `proto` in each folder that has both.
 *
 * Usage: node build/generate.ts           writes the code
 *        node build/generate.ts --check   exits 1 when it is not what the protos give
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const folders = ['api', 'examples/emojivoto', 'test/clients'];
const template = readFileSync(join(root, 'api', 'buf.gen.yaml'), 'utf8');

function generate(folder: string, into: string): void {
  const bin = join(root, 'node_modules', '.bin');
  const run = spawnSync(join(bin, 'buf'), ['generate', '--template', template.replace('out: gen', `out: ${into}`)], {
    cwd: join(root, folder),
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` },
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`buf generate failed in ${folder}: ${run.stderr || run.error?.message}`);
}

function filesOf(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  return new Map(
    entries
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]),
  );
}

for (const folder of folders) {
  const committed = join(root, folder, 'gen');
  if (!process.argv.includes('--check')) {
    rmSync(committed, { recursive: true, force: true });
    generate(folder, committed);
    continue;
  }
  const fresh = mkdtempSync(join(tmpdir(), 'tulle-gen-'));
  try {
    generate(folder, fresh);
    const expected = filesOf(fresh);
    const actual = filesOf(committed);
    const stale = [...new Set([...expected.keys(), ...actual.keys()])].filter((n) => expected.get(n) !== actual.get(n));
    for (const name of stale) {
      process.stderr.write(`${folder}/gen/${name} is not what ${folder}/proto gives: run 'node build/generate.ts'\n`);
    }
    if (stale.length > 0) process.exitCode = 1;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
