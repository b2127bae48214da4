import { Command, Option } from 'commander';
import { type ManifestProblem, parseManifests } from '../control-plane/sources/parse-manifests.ts';
import { installedConfig } from '../lib/inject/installed-config.ts';
import type { Manifest } from '../lib/inject/kubernetes.ts';
import { gatewayDefinitions } from '../lib/kinds/gateway-definitions.ts';
import type { Finding, Severity } from '../lib/validation/finding.ts';
import { type Entry, isKind, nameOf } from '../lib/validation/manifest-model.ts';
import { modelOfManifests } from '../lib/validation/model-of-manifests.ts';
import { review } from '../lib/validation/review.ts';
import { gatewayFields } from '../lib/validation/rules/gateway-fields.ts';
import { rules } from '../lib/validation/rules/index.ts';
import { knownAnnotations } from '../lib/validation/rules/known-annotations.ts';
import { knownFields } from '../lib/validation/rules/known-fields.ts';
import { type Format, formatOption, forPrograms } from './formats.ts';
import { decoded, type ManifestText, readPlace } from './manifests/manifest-places.ts';
import { printable } from './table.ts';
import { CommandError, type Terminal, UsageError } from './terminal.ts';
import { fieldAndRest, type NoEffect, withoutEffect } from './without-effect.ts';

interface ValidateOptions {
  readonly failOn: Severity;
  readonly output: Format;
}

/** A line of what is printed; for programs, an item. */
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
    .argument(
      '<path...>',
      'files or folders of manifests, URLs of some, or - for standard input, which are looked at together',
    )
    .addOption(
      new Option('--fail-on <severity>', 'exit code 1 for errors alone, or for warnings too')
        .choices(['error', 'warning'])
        .default('error'),
    )
    .addOption(formatOption('text', 'json', 'yaml'))
    .addHelpText('after', '\nExample:\n  tulle validate dist/ ingress.yaml\n  helm template shop | tulle validate -\n')
    .action(async (paths: string[], { failOn, output }: ValidateOptions) => {
      const texts = await Promise.all(onlyOnce(paths).map((path) => readPlace(path, terminal)));
      const told = validate(texts.flat());
      terminal.out(forPrograms(told, output) ?? shown(told));
      const isFailure = told.some(({ severity }) => severity === 'error' || failOn === 'warning');
      if (isFailure) throw new CommandError('');
    });
}

/** Standard input ends once. */
function onlyOnce(paths: readonly string[]): readonly string[] {
  if (paths.filter((path) => path === '-').length > 1) throw new UsageError('- can be read once');
  return paths;
}

function validate(texts: readonly ManifestText[]): Told[] {
  const entries: FileEntry[] = [];
  const misshapen = new Set<object>();
  const unread: Told[] = [];
  // A file that is named beside its folder is read once.
  for (const [file, bytes] of new Map(texts.map(({ name, bytes }) => [name, bytes]))) {
    const { objects, problems } = parseManifests(file, decoded(file, bytes));
    entries.push(...objects.map((object) => ({ file, manifest: object as unknown as Manifest })));
    for (const { object } of problems) if (object !== undefined) misshapen.add(object);
    unread.push(...problems.filter(isToldByNone).map(unreadable));
  }
  if (entries.length === 0 && unread.length === 0) {
    throw new CommandError(`there is no object in ${texts.map(({ name }) => name).join(', ')}: nothing was looked at`);
  }
  const { config } = installedConfig(entries.map(({ manifest }) => manifest));
  // What does not fit its schema is told by the reader, which knows the line.
  const others = rules.filter((rule) => rule !== knownFields);
  const broken = review(modelOfManifests(entries, config), others);
  const isOf = ({ manifest, file }: FileEntry): string => `${file} ${nameOf(manifest)}`;
  const foreign = new Set(broken.filter(isMisshapen).map(({ at }) => isOf(at)));
  const sound = entries.filter((entry) => !misshapen.has(entry.manifest) && !foreign.has(isOf(entry)));
  const byRule = broken.map(told);
  const known = new Set(byRule.filter(({ rule }) => rule === knownAnnotations.id).map(placeOf));
  const passedOver = withoutEffect(sound).map(noEffect);
  return [...unread, ...byRule, ...passedOver.filter((one) => !known.has(placeOf(one)))];
}

/** Where it is told of. */
const placeOf = ({ file, object, field }: Told): string => `${file} ${object} ${field}`;

/** What others read of such an object is chance. */
const isMisshapen = ({ rule, severity }: Finding): boolean => rule === gatewayFields.id && severity === 'error';

/** Of routes of the Gateway API another rule tells all that is wrong, of which the reader knows the first misshape alone. */
const isToldByNone = ({ object }: ManifestProblem): boolean =>
  object === undefined || !gatewayDefinitions.some(({ group, kind }) => isKind(object, group, kind));

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
  ...{ severity: 'error', rule: knownAnnotations.id, file: at.file, object: nameOf(at.manifest) },
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
