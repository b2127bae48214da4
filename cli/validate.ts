import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { type ManifestProblem, parseManifests } from '../control-plane/sources/parse-manifests.ts';
import { installedConfig } from '../lib/inject/installed-config.ts';
import type { Manifest } from '../lib/inject/kubernetes.ts';
import type { Finding, Severity } from '../lib/validation/finding.ts';
import { type Entry, nameOf } from '../lib/validation/manifest-model.ts';
import { modelOfManifests } from '../lib/validation/model-of-manifests.ts';
import { review } from '../lib/validation/review.ts';
import { rules } from '../lib/validation/rules/index.ts';
import { knownFields } from '../lib/validation/rules/known-fields.ts';
import { manifestFiles } from './manifests/manifest-places.ts';
import { printable } from './table.ts';
import { CommandError, type Terminal, UsageError } from './terminal.ts';
import { fieldAndRest, type NoEffect, withoutEffect } from './without-effect.ts';

interface ValidateOptions {
  readonly failOn: Severity;
  readonly output: 'text' | 'json';
}

/** A line of what is printed; with `-o json`, an item. */
interface Told {
  readonly severity: Severity;
  readonly rule: string;
  readonly file: string;
  readonly line?: number;
  readonly object: string;
  readonly field?: string;
  readonly message: string;
  readonly fix?: string;
}

interface FileEntry extends Entry {
  readonly file: string;
}

/** `tulle validate`: what cannot work in manifests that are applied together. */
export function validateCommand(terminal: Terminal): Command {
  return new Command('validate')
    .argument('<path...>', 'files and folders of manifests, which are looked at together')
    .addOption(
      new Option('--fail-on <severity>', 'exit code 1 for errors alone, or for warnings too')
        .choices(['error', 'warning'])
        .default('error'),
    )
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExample:\n  tulle validate dist/ ingress.yaml\n')
    .action(async (paths: string[], { failOn, output }: ValidateOptions) => {
      const files = await Promise.all(paths.map((path) => filesOf(path, terminal.cwd)));
      const told = validate(files.flat(), terminal.cwd);
      terminal.out(output === 'json' ? `${JSON.stringify(told, null, 2)}\n` : shown(told));
      const isFailure = told.some(({ severity }) => severity === 'error' || failOn === 'warning');
      if (isFailure) throw new CommandError('');
    });
}

/** Manifests at a path, as it was given. */
async function filesOf(path: string, cwd: string): Promise<string[]> {
  const place = resolve(cwd, path);
  if (!existsSync(place)) throw new UsageError(`${path}: there is no such file or folder`);
  if (!statSync(place).isDirectory()) return [path];
  const files = await manifestFiles(place);
  if (files.length === 0) throw new UsageError(`${path}: there are no manifests in this folder (.yaml, .yml, .json)`);
  return files.map((file) => join(path, file));
}

function validate(files: readonly string[], cwd: string): Told[] {
  const entries: FileEntry[] = [];
  const misshapen = new Set<object>();
  const unread: Told[] = [];
  for (const file of new Set(files)) {
    const { objects, problems } = parseManifests(file, readFileSync(resolve(cwd, file), 'utf8'));
    entries.push(...objects.map((object) => ({ file, manifest: object as unknown as Manifest })));
    for (const { object } of problems) if (object !== undefined) misshapen.add(object);
    unread.push(...problems.map(unreadable));
  }
  const { config } = installedConfig(entries.map(({ manifest }) => manifest));
  // What does not fit its schema is told by the reader, which knows the line.
  const others = rules.filter((rule) => rule !== knownFields);
  const broken = review(modelOfManifests(entries, config), others).map(told);
  const idle = withoutEffect(entries.filter(({ manifest }) => !misshapen.has(manifest))).map(noEffect);
  return [...unread, ...broken, ...idle];
}

function unreadable({ file, line, where, object, message: text }: ManifestProblem): Told {
  const { field, message } = fieldAndRest(text);
  const place = object === undefined ? where : nameOf(object as unknown as Manifest);
  return {
    ...{ severity: 'error', rule: knownFields.id, file, line, object: place },
    ...(field === undefined ? {} : { field }),
    message,
  };
}

const noEffect = ({ at, field, message }: NoEffect<FileEntry>): Told => ({
  ...{ severity: 'error', rule: 'no-effect', file: at.file, object: nameOf(at.manifest) },
  ...(field === undefined ? {} : { field }),
  message,
});

const told = ({ severity, rule, at, field, message, fix }: Finding<FileEntry>): Told => ({
  ...{ severity, rule, file: at.file, object: nameOf(at.manifest) },
  ...(field === '' ? {} : { field }),
  ...{ message, fix },
});

function shown(all: readonly Told[]): string {
  if (all.length === 0) return 'nothing is wrong\n';
  const lines = all.map(({ severity, rule, file, line, object, field, message, fix }) => {
    const place = `${file}${line === undefined ? '' : `:${line}`}: ${object}`;
    const what = `${field === undefined ? '' : `${field} `}${message}${fix === undefined ? '' : `: ${fix}`}`;
    return printable(`${severity}  ${place}: ${what} [${rule}]`);
  });
  const count = (severity: Severity): number => all.filter((one) => one.severity === severity).length;
  return `${lines.join('\n')}\n${count('error')} errors, ${count('warning')} warnings\n`;
}
