import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Outcome, SuiteRun } from './run-suite.ts';

/** Whether this run writes what others are held to. */
export const update = process.env['UPDATE_GOLDENS'] === '1';

const listFile = join(import.meta.dirname, 'expected.json');
const docs = join(import.meta.dirname, '../../../docs');
const reportFile = join(docs, 'conformance.yaml');
const pageFile = join(docs, 'conformance.md');
const [begin, end] = ['<!-- outcomes -->\n', '<!-- end of the outcomes -->'];

/** What each test of the suite is known to do. */
export const expected = (): Record<string, Outcome> => JSON.parse(readFileSync(listFile, 'utf8'));

export function writeGoldens({ outcomes, report }: SuiteRun): void {
  const sorted = Object.fromEntries(Object.entries(outcomes).sort(([one], [other]) => one.localeCompare(other)));
  writeFileSync(listFile, `${JSON.stringify(sorted, null, 2)}\n`);
  writeFileSync(reportFile, report);
  writeFileSync(pageFile, pageWith(outcomes));
}

export function compareWithDocs({ outcomes, report }: SuiteRun): void {
  expect(report).toBe(readFileSync(reportFile, 'utf8'));
  expect(readFileSync(pageFile, 'utf8')).toBe(pageWith(outcomes));
}

function pageWith(outcomes: SuiteRun['outcomes']): string {
  const page = readFileSync(pageFile, 'utf8');
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Error(`${pageFile}: ${begin.trim()} and ${end} are to stand in it, once each`);
  return `${before}${begin}${table(outcomes)}${end}${after}`;
}

function table(outcomes: SuiteRun['outcomes']): string {
  const tests = Object.keys(outcomes).sort((one, other) => one.localeCompare(other));
  const passing = tests.filter((test) => outcomes[test] === 'passes').length;
  const rows = tests.map((test) => `| ${test} | ${outcomes[test]} |`);
  return [`\n${passing} of ${tests.length} tests pass.\n`, '| Test | |', '|---|---|', ...rows, '\n'].join('\n');
}
