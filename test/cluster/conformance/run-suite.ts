import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import packageJson from '../../../package.json' with { type: 'json' };
import { goProgram } from '../../go/go-program.ts';

export type Outcome = 'passes' | 'fails' | 'skipped';

export interface SuiteRun {
  /** Of each test, by its name. */
  readonly outcomes: Readonly<Record<string, Outcome>>;
  /** The suite's own report (YAML), without the date and with its profiles in the order of their names. */
  readonly report: string;
  /** File with all that the suite wrote. */
  readonly log: string;
}

/** The suite as a program. Building it takes four minutes of two cores at first, a few seconds from then on. */
async function suiteProgram(): Promise<string> {
  const build = ['test', '-c', './suite'];
  const built = await goProgram({ name: 'conformance', module: import.meta.dirname, build, timeoutMs: 900_000 });
  if ('missing' in built) throw new Error(`the conformance suite cannot run: ${built.missing}`);
  return built.path;
}

/**
 * Runs the suite on a cluster that has the mesh, the definitions of the Gateway API and the suite's application; writes
 * into `folder`. Rejects where the suite did not come to its end, not where tests of it fail.
 */
export async function runSuite(kubeconfig: string, folder: string): Promise<SuiteRun> {
  const program = await suiteProgram();
  mkdirSync(folder, { recursive: true });
  const [results, report, log] = ['results.json', 'report.yaml', 'log'].map((name) => join(folder, name));
  for (const file of [results, report]) rmSync(file, { force: true });
  const output = openSync(log, 'w');
  const child = spawn(
    program,
    [
      ...['-test.v', '-test.parallel=4', '-test.timeout=10m'],
      ...['-results', results, '-report-output', report, '-version', `v${packageJson.version}`],
    ],
    { env: { ...process.env, KUBECONFIG: kubeconfig }, stdio: ['ignore', output, output] },
  );
  const [code, signal] = await once(child, 'close');
  closeSync(output);
  if (!existsSync(results) || !existsSync(report)) {
    const last = readFileSync(log, 'utf8').trim().split('\n').slice(-20).join('\n');
    throw new Error(`the conformance suite ended early (${signal ?? `exit code ${code}`}), see ${log}:\n${last}`);
  }
  return {
    outcomes: JSON.parse(readFileSync(results, 'utf8')) as Record<string, Outcome>,
    report: comparable(readFileSync(report, 'utf8')),
    log,
  };
}

/** The suite writes its profiles in any order. */
export function comparable(report: string): string {
  const { date, profiles, ...rest } = parse(report) as { date: string; profiles: { name: string }[] };
  return stringify({ ...rest, profiles: profiles.toSorted((one, other) => one.name.localeCompare(other.name)) });
}

/** The cases of a test that failed, and where all that the suite said of them is. */
export function failures({ log }: SuiteRun, test: string): string {
  const cases = readFileSync(log, 'utf8').matchAll(new RegExp(`--- FAIL: TestMesh/${test}/(\\S+)`, 'g'));
  return [...cases]
    .map(([, name]) => name)
    .concat(`see ${log}`)
    .join(', ');
}
