import { Option } from 'commander';
import { Document, visit } from 'yaml';
import { hasUnseen, jsonText, yamlEscaped } from './escaped.ts';

/** How what is found is printed: for people, or for programs. */
export type Format = 'table' | 'wide' | 'short' | 'text' | 'json' | 'yaml';

/** `-o`, with these formats, of which the first is usual; `wide` is for what has columns more. */
export const formatOption = (...formats: readonly [Format, ...Format[]]): Option =>
  new Option('-o, --output <format>', 'how to print').choices(formats).default(formats[0]);

/** Programs read it once, whole. */
export const isForPrograms = (format: Format): boolean => format === 'json' || format === 'yaml';

/**
 * What programs read, the same in JSON and in YAML; undefined for people. What others said cannot end a line or move a
 * cursor in either.
 */
export function forPrograms(found: unknown, format: Format): string | undefined {
  if (format === 'json') return `${jsonText(found, 2)}\n`;
  // By way of JSON: what is undefined is left out, as there.
  if (format === 'yaml') return yamlText(JSON.parse(JSON.stringify(found)));
  return undefined;
}

function yamlText(found: unknown): string {
  const document = new Document(found, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_, scalar) => {
      if (typeof scalar.value === 'string' && hasUnseen(scalar.value)) scalar.type = 'QUOTE_DOUBLE';
    },
  });
  return yamlEscaped(document.toString({ doubleQuotedAsJSON: true, lineWidth: 0 }));
}
