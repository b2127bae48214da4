import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { run } from '../../cli/testing/run.ts';
import { zoneLabel } from '../../lib/contract/names.ts';
import { LocalMesh } from '../../local/local-mesh.ts';
import { type Step, stepsOf } from './guide.ts';
import { kubectl } from './kubectl.ts';
import { difference } from './output.ts';

/**
 * The guides of traffic rules, done from top to bottom by somebody who types what stands there, against emojivoto in local
 * mode: one mesh for all of them, so that each has to leave it as it was.
 */
const root = resolve(import.meta.dirname, '../..');
const guides = [
  'canary',
  'blue-green',
  'staging',
  'retries-and-timeouts',
  'circuit-breaking',
  'session-affinity',
  'zones',
  'rewrites',
  'mirroring',
  'failover',
  'fault-injection',
  'authorization',
  'tap',
];
const work = mkdtempSync(join(tmpdir(), 'tulle-guides-'));
const manifests = join(work, 'applied');
const state = join(work, '.tulle/local');
/** How much faster the votes come than in the guides, and how much shorter they are measured. */
const speed = 10;
const text = (name: string): string => readFileSync(join(root, 'docs/guides', `${name}.md`), 'utf8');

let mesh: LocalMesh | undefined;

beforeAll(async () => {
  mkdirSync(manifests);
  for (const name of ['bin', 'examples', 'node_modules']) symlinkSync(join(root, name), join(work, name));
  // What all guides begin with is done before the mesh starts: local mode reads workloads then.
  for (const step of stepsOf(text('traffic-rules'))) await take(step, work);
  for (const file of readdirSync(manifests).map((name) => join(manifests, name))) {
    const faster = readFileSync(file, 'utf8').replace(/(VOTES_PER_SECOND\n\s+value: )"5"/, `$1"${5 * speed}"`);
    writeFileSync(file, inZones(faster));
  }
  mesh = await LocalMesh.start({
    ...{ manifests, stateFolder: state, cwd: root, environment: process.env },
    report: () => {},
  });
  expect(await mesh.ready(120_000), `see ${mesh.logs}`).toBe(true);
}, 240_000);
afterAll(async () => {
  await mesh?.stop();
  rmSync(work, { recursive: true });
});

/** Where pods are, as docs/guides/zones.md has it. */
const zones: Readonly<Record<string, string>> = { 'vote-bot': 'a', web: 'a', 'web-v2': 'b' };

/** The manifests of a file with the zones of their pods, which nodes of a cluster would say. */
function inZones(text: string): string {
  const placed = parseAllDocuments(text).map((document) => {
    const zone = zones[String(document.getIn(['metadata', 'name']))];
    if (document.get('kind') === 'Deployment' && zone !== undefined)
      document.setIn(['spec', 'template', 'metadata', 'labels', zoneLabel], zone);
    return document.toString();
  });
  return placed.join('');
}

describe.each(guides)('docs/guides/%s.md', (name) => {
  const folder = join(work, name);
  beforeAll(() => {
    mkdirSync(folder);
    for (const entry of ['bin', 'examples', 'node_modules', '.tulle'])
      symlinkSync(join(work, entry), join(folder, entry));
    symlinkSync(join(work, 'dist'), join(folder, 'dist'));
  });
  for (const step of stepsOf(text(name))) {
    it(`line ${step.line}: ${titleOf(step)}`, () => take(step, folder), 60_000);
  }
  it('leaves the mesh as it was', () => {
    expect(readdirSync(manifests).sort()).toEqual(['emojivoto-versions.k8s.yaml', 'emojivoto.k8s.yaml']);
  });
});

const titleOf = (step: Step): string => (step.kind === 'commands' ? (step.commands.at(-1) ?? '') : step.name);

async function take(step: Step, folder: string): Promise<void> {
  if (step.kind === 'file') return writeFileSync(join(folder, step.name), step.text);
  if (step.kind === 'program') return expectSame(step, folder);
  for (const command of step.commands.slice(0, -1)) await type(command, folder);
  const last = step.commands.at(-1) ?? '';
  const { prints } = step;
  if (prints === undefined) {
    await type(last, folder);
    return;
  }
  // A rule may not have come yet, and a window reach back to before it.
  const shows = async () => expect(difference(prints, await type(last, folder), speed)).toBeUndefined();
  if (last.startsWith('kubectl') && !/ (exec|get) /.test(last)) await shows();
  else await vi.waitFor(shows, { timeout: 40_000, interval: 100 });
}

/**
 * What a command prints. `bin/tulle` and `kubectl` are done in this process, as they would be by themselves, what is behind a
 * `|` and all others by a shell. Rejects when one fails.
 */
async function type(command: string, cwd: string): Promise<string> {
  // What follows calls takes a moment to begin: half of its time is for that.
  const faster = command
    .replace(/-t (\d+)s\b/, (_, seconds) => `-t ${(Number(seconds) / speed) * 1000}ms`)
    .replace(/--for (\d+)s\b/, (_, seconds) => `--for ${(Number(seconds) / speed) * 2000}ms`);
  const [first, ...rest] = faster.split(' | ');
  const [program, ...args] = wordsOf(first);
  const filter = rest.join(' | ');
  if (program === 'bin/tulle') return shell(filter, cwd, (await run(args, { cwd })).out);
  if (program === 'kubectl') return shell(filter, cwd, await kubectl(args, { cwd, manifests, stateFolder: state }));
  return shell(faster, cwd, '');
}

/** The words of a simple command; quotes keep words together. */
const wordsOf = (command: string): string[] =>
  [...command.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ''));

/** What a command makes of its input; without a command, the input. */
function shell(command: string, cwd: string, input: string): Promise<string> {
  if (command === '') return Promise.resolve(input);
  const { promise, resolve: done, reject } = Promise.withResolvers<string>();
  const child = execFile('bash', ['-o', 'pipefail', '-c', command], { cwd, timeout: 60_000 }, (error, out, err) => {
    if (error === null) done(out);
    else reject(new Error(`${command}\n${out}${err}`));
  });
  child.stdin?.end(input);
  return promise;
}

/** The cdk8s program writes what the guide has as YAML. */
async function expectSame({ name, text: code }: Step & { kind: 'program' }, folder: string): Promise<void> {
  const resolvePackage = createRequire(join(root, 'package.json')).resolve;
  const imported = code.replace(/from '([^']+)'/g, (_, from: string) => {
    const target = from === 'tulle' ? join(root, 'lib/index.ts') : resolvePackage(from);
    return `from ${JSON.stringify(pathToFileURL(target).href)}`;
  });
  writeFileSync(join(folder, 'program.ts'), imported);
  // A guide may have several.
  const synthesized = `synthesized-${name}`;
  await shell(`CDK8S_OUTDIR='${synthesized}' '${process.execPath}' program.ts`, folder, '');
  const [written] = readdirSync(join(folder, synthesized));
  const objects = (file: string) => parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS());
  expect(objects(join(folder, synthesized, written))).toEqual(objects(join(folder, name)));
}
