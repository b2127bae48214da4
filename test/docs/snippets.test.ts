import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { run } from '../../cli/testing/run.ts';
import { wholeTulle } from '../../cli/tulle.ts';
import { pagesOf } from './pages.ts';

const root = resolve(import.meta.dirname, '../..');
const resolvePackage = createRequire(join(root, 'package.json')).resolve;
const pages = pagesOf(root).map((name) => join(root, name));
const work = mkdtempSync(join(tmpdir(), 'tulle-docs-'));
afterAll(() => rmSync(work, { recursive: true }));

/** The code blocks of a language, each with the page and line that it stands on. */
function snippets(language: string): [place: string, code: string][] {
  return pages.flatMap((page) => {
    const text = readFileSync(page, 'utf8');
    return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
      (match): [string, string] => {
        const line = text.slice(0, match.index).split('\n').length + 1;
        return [`${relative(root, page)}:${line}`, match[1]];
      },
    );
  });
}

it.each(snippets('ts'))('%s synthesizes', (place, code) => {
  const name = place.replace(/\W/g, '-');
  const file = join(work, `${name}.ts`);
  const imported = code.replace(/from '([^']+)'/g, (_, name: string) => {
    const target = name === 'tulle' ? join(root, 'lib/index.ts') : resolvePackage(name);
    return `from ${JSON.stringify(pathToFileURL(target).href)}`;
  });
  writeFileSync(file, imported);
  const outdir = join(work, name);
  const { status, stderr } = spawnSync(process.execPath, [file], {
    encoding: 'utf8',
    env: { ...process.env, CDK8S_OUTDIR: outdir },
  });
  expect(stderr).not.toContain('Error');
  expect(status).toBe(0);
  const text = readdirSync(outdir).map((manifest) => readFileSync(join(outdir, manifest), 'utf8'));
  expect(parseAllDocuments(text.join('---\n')).every((document) => document.toJS().kind !== undefined)).toBe(true);
});

describe('commands', () => {
  const commands = snippets('sh').flatMap(([place, code]) =>
    [...code.matchAll(/bin\/tulle ([^#|\n]+)/g)].map(([, line]): [string, string[]] => [
      place,
      line.trim().split(/\s+/),
    ]),
  );
  const silent = {
    input: async () => Buffer.alloc(0),
    out: () => {},
    err: () => {},
    cwd: work,
    environment: {},
    onStop: () => {},
  };

  it.each(commands)('%s: tulle %j exists, with these options', async (_place, args) => {
    const program = await wholeTulle(silent);
    const { operands, unknown } = program.parseOptions(args);
    let command: Command | undefined = program;
    const rest = [...operands];
    while (command !== undefined && command.commands.length > 0) {
      const name = rest.shift();
      command = command.commands.find((candidate) => candidate.name() === name);
    }
    expect(command, args.join(' ')).toBeDefined();
    expect(command?.parseOptions([...rest, ...unknown]).unknown).toEqual([]);
  });

  const harmless = commands.filter(([, args]) => ['version', 'install', 'inject', 'uninject'].includes(args[0]));
  it.each(harmless)('%s: tulle %j works', async (_place, args) => {
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'app' },
      spec: { template: { spec: { containers: [{ name: 'app', image: 'app', ports: [{ containerPort: 8080 }] }] } } },
    };
    writeFileSync(join(work, 'app.yaml'), JSON.stringify(deployment));
    const { out } = await run(args, { cwd: work, input: JSON.stringify(deployment) });
    expect(out).not.toBe('');
  });
});

it('every dependency has its reason', () => {
  const { devDependencies, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const reasons = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
  const names = [...new Set([...Object.keys(devDependencies), ...Object.keys(peerDependencies)])];
  expect(names.filter((name) => !reasons.includes(`\`${name}\``))).toEqual([]);
});

it('every npm script that the pages name is there', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const named = snippets('sh').flatMap(([, code]) =>
    [...code.matchAll(/npm (?:run )?(start|test|[a-z]+)\b/g)]
      .map(([, name]) => name)
      .filter((name) => !['ci', 'run'].includes(name)),
  );
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
});
