import { Option } from 'commander';
import { stringify } from 'yaml';
import { printable } from './table.ts';

/** How rows are printed: for people, or for programs. */
export type Format = 'table' | 'wide' | 'text' | 'json' | 'yaml';

/** `-o`, with these formats, of which the first is usual; `wide` is for what has columns more. */
export const formatOption = (...formats: readonly [Format, ...Format[]]): Option =>
  new Option('-o, --output <format>', 'how to print').choices(formats).default(formats[0]);

/** What programs read; undefined for a table. What others said cannot end a line or move a cursor in either. */
export function forPrograms(rows: unknown, format: Format): string | undefined {
  if (format === 'json') return `${JSON.stringify(rows, null, 2)}\n`;
  // By way of JSON: what is undefined is left out, as there.
  if (format === 'yaml') return stringify(JSON.parse(JSON.stringify(rows), (_, value) => shown(value)));
  return undefined;
}

const shown = (value: unknown): unknown => (typeof value === 'string' ? printable(value) : value);
