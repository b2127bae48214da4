/**
 * Generates `api/gen` from `api/proto`.
 *
 * Usage: node api/generate.ts           writes api/gen
 *        node api/generate.ts --check   exits 1 when api/gen is not what the protos give
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const api = import.meta.dirname;
const committed = join(api, 'gen');

function generate(into: string): void {
  const bin = join(api, '..', 'node_modules', '.bin');
  const template = readFileSync(join(api, 'buf.gen.yaml'), 'utf8').replace('out: gen', `out: ${into}`);
  const run = spawnSync(join(bin, 'buf'), ['generate', '--template', template], {
    cwd: api,
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` },
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`buf generate failed: ${run.stderr || run.error?.message}`);
}

function filesOf(folder: string): Map<string, string> {
  return new Map(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
}

if (process.argv.includes('--check')) {
  const fresh = mkdtempSync(join(tmpdir(), 'tulle-api-'));
  try {
    generate(fresh);
    const expected = filesOf(fresh);
    const actual = filesOf(committed);
    const stale = [...new Set([...expected.keys(), ...actual.keys()])].filter((n) => expected.get(n) !== actual.get(n));
    for (const name of stale) {
      process.stderr.write(`api/gen/${name} is not what api/proto gives: run 'node api/generate.ts'\n`);
    }
    process.exitCode = stale.length > 0 ? 1 : 0;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
} else {
  rmSync(committed, { recursive: true, force: true });
  generate(committed);
}
