import { DescriptionError } from '../profile/description-error.ts';

/** What is used of the package `yaml`, whoever brings it. */
export interface YamlReader {
  parseAllDocuments(text: string): readonly YamlDocument[] | { readonly empty: true };
}

interface YamlDocument {
  readonly errors: readonly YamlTrouble[];
  readonly warnings: readonly YamlTrouble[];
  toJS(): unknown;
}

interface YamlTrouble {
  readonly message: string;
  readonly linePos?: readonly { readonly line: number; readonly col: number }[];
}

/**
 * The value of a text that is one document of YAML or JSON, which is YAML too. Throws a DescriptionError, with the line, for
 * what reads otherwise than it was meant: what is broken or cut off, a key that stands twice, a tag that nobody resolves.
 */
export function documentOf(text: string, yaml: YamlReader): unknown {
  const documents = orTold(() => yaml.parseAllDocuments(text), 'nest it less deeply');
  if (!Array.isArray(documents) || documents.length === 0) {
    throw new DescriptionError('it is empty: there must be a document of OpenAPI 3 or Swagger 2.0');
  }
  const all: readonly YamlDocument[] = documents;
  const [trouble] = all.flatMap(({ errors, warnings }) => [...errors, ...warnings]);
  if (trouble !== undefined) throw new DescriptionError(told(trouble));
  if (all.length > 1) {
    throw new DescriptionError(
      `it must be one document, and is ${all.length}: give each a file and a profile of its own`,
    );
  }
  // Aliases of aliases, and those of nothing.
  return orTold(() => all[0].toJS(), 'write out what it stands for');
}

function orTold<T>(read: () => T, fix: string): T {
  try {
    return read();
  } catch (error) {
    throw new DescriptionError(`${(error as Error).message}: ${fix}`);
  }
}

/** The library's message ends with the place, and goes on with the line itself. */
function told({ message, linePos }: YamlTrouble): string {
  const [what] = message.split('\n');
  const place = linePos?.[0];
  if (place === undefined) return `${what}: correct it there`;
  return `line ${place.line}, column ${place.col}: ${what.replace(/ at line \d+, column \d+:$/, '')}: correct it there`;
}
