import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAst } from 'vitest/node';
import { gatewayDefinitions } from '../../lib/kinds/gateway-definitions.ts';
import { meshKinds } from '../../lib/kinds/index.ts';
import { slowText } from './backtracking.ts';

const root = resolve(import.meta.dirname, '../..');
const rooms = ['lib', 'control-plane', 'proxy', 'cli', 'local'];

/** Expressions that are slow on a text that they never get. */
const bounded: Readonly<Record<string, string>> = {
  '/-tulle-(.+)-webhook-config$/':
    'the name of an object of the whole cluster: 253 characters, written by who administers it',
};

/** Where expressions are made out of texts. */
const made: Readonly<Record<string, string>> = {
  'lib/contract/pattern.ts': 'one character of a pattern, asked about one character',
  'lib/kinds/structural-check.ts': 'a pattern of our own schemas, which is checked as the literals are',
  'cli/manifests/write-yaml.ts': 'another expression of that file, which is checked',
};

interface Place {
  readonly file: string;
  readonly pattern: RegExp;
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return ['testing', 'imports', 'gen'].includes(entry.name) ? [] : sources(path);
    return /\.ts$/.test(path) && !/(\.test|\.d|testing|-per-test)\.ts$/.test(path) ? [path] : [];
  });
}

function literals(node: unknown, found: (pattern: string, flags: string) => void): void {
  if (typeof node !== 'object' || node === null) return;
  const { regex } = node as { regex?: { pattern: string; flags: string } };
  if (regex !== undefined) found(regex.pattern, regex.flags);
  for (const child of Object.values(node)) literals(child, found);
}

const files = rooms.flatMap(sources);
const places: Place[] = files.flatMap((file) => {
  const expressions: Place[] = [];
  literals(parseAst(readFileSync(join(root, file), 'utf8'), { lang: 'ts' }), (pattern, flags) =>
    expressions.push({ file, pattern: new RegExp(pattern, flags) }),
  );
  return expressions;
});
places.push(
  ...[...meshKinds, ...gatewayDefinitions].flatMap(({ kind, versions }) => patternsIn(versions, `lib/kinds: ${kind}`)),
);

function patternsIn(value: unknown, file: string): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, child]) =>
    name === 'pattern' && typeof child === 'string' ? [{ file, pattern: new RegExp(child) }] : patternsIn(child, file),
  );
}

describe('the checker', () => {
  it.each([
    [/^(\d+\.?\d*|\.\d+)(ns|s)$/, 'one number in two ways'],
    [/^(?:(\d+\.?\d*|\.\d+)s?)+$/, 'exponentially many'],
    [/^(a|a)*$/, 'one choice twice'],
    [/\s+$/, 'begun at each blank'],
    [/(.*:)(\d+)\.(\d+)$/, 'a prefix that is looked for from everywhere'],
    [/^spiffe:\/\/(?:x*y*x*)z/, 'behind a prefix'],
  ])('finds %s: %s', (pattern) => {
    expect(slowText(pattern)).toBeDefined();
  });

  it.each([
    [/^\d+(\.\d+)?$/],
    [/^(\*|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/],
    [/^(.+)-\d{8,}$/],
    [/\d+/g],
  ])('lets %s be', (pattern) => {
    expect(slowText(pattern)).toBeUndefined();
  });
});

describe('regular expressions', () => {
  it('are found at all', () => expect(places.length).toBeGreaterThan(150));

  it('take no longer than their text is long, whoever wrote it', () => {
    const slow = places.flatMap(({ file, pattern }) => {
      const text = String(pattern) in bounded ? undefined : slowText(pattern);
      return text === undefined ? [] : [`${file}: ${pattern} on ${JSON.stringify(text)}`];
    });
    expect(slow).toEqual([]);
  }, 120_000);

  it('are excepted only while they are there', () => {
    const known = new Set(places.map(({ pattern }) => String(pattern)));
    expect(Object.keys(bounded).filter((pattern) => !known.has(pattern))).toEqual([]);
  });

  it('are made of texts only where it is said why', () => {
    const makers = files.filter((file) => /\bnew RegExp\(|[^.\w]RegExp\(/.test(readFileSync(join(root, file), 'utf8')));
    expect(makers.map((file) => relative(root, join(root, file))).sort()).toEqual(Object.keys(made).sort());
  });
});
