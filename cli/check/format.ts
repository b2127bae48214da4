import type { Format } from '../formats.ts';
import type { CategoryResult, CheckResult, Result } from './check.ts';

/** Where hints are explained; the headings are the hints. */
export const hintsPage = 'docs/guides/check.md';

const signs: Readonly<Record<Result, string>> = { success: '√', warning: '‼', error: '×' };

/** A category as it is shown; with `short` only what is not well, and nothing when all is. */
export function formatCategory({ categoryName, checks }: CategoryResult, format: Format): string {
  const shown = format === 'short' ? checks.filter(({ result }) => result !== 'success') : checks;
  if (shown.length === 0) return '';
  return `${categoryName}\n${'-'.repeat(categoryName.length)}\n${shown.map(formatCheck).join('')}\n`;
}

function formatCheck({ result, description, error, hint }: CheckResult): string {
  const lines = [`${signs[result]} ${description}`];
  if (error !== undefined) lines.push(...error.split('\n').map((line) => `    ${line}`));
  if (error !== undefined && hint !== undefined) lines.push(`    see ${hintsPage}#${hint} for hints`);
  return lines.map((line) => `${line}\n`).join('');
}

export const formatVerdict = (good: boolean): string =>
  `Status check results are ${good ? signs.success : signs.error}\n`;

/** What programs are told of all checks. */
export function checkReport(good: boolean, categories: readonly CategoryResult[]): object {
  const withHints = categories.map(({ categoryName, checks }) => ({
    categoryName,
    checks: checks.map((check) => ({ ...check, hint: check.hint && `${hintsPage}#${check.hint}` })),
  }));
  return { success: good, categories: withHints };
}
