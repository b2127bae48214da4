import { readFileSync } from 'node:fs';

/** What is read of a model as API Extractor writes it (`*.api.json`). */
export interface ApiItem {
  readonly kind:
    | 'Class'
    | 'Interface'
    | 'TypeAlias'
    | 'Variable'
    | 'Function'
    | 'Constructor'
    | 'Method'
    | 'MethodSignature'
    | 'Property'
    | 'PropertySignature'
    | 'IndexSignature';
  /** None of constructors and index signatures. */
  readonly name?: string;
  readonly docComment: string;
  readonly excerptTokens: readonly ApiToken[];
  readonly members?: readonly ApiItem[];
  readonly isStatic?: boolean;
  readonly isOptional?: boolean;
  readonly isProtected?: boolean;
  /** The declaration that it is from; of what an entry exports. */
  readonly fileUrlPath?: string;
}

/** A piece of a declaration: text, or the name of another. */
export interface ApiToken {
  readonly kind: 'Content' | 'Reference';
  readonly text: string;
}

/** What an entry of the package exports, sorted by name. */
export function apiItems(file: string): readonly ApiItem[] {
  const model = JSON.parse(readFileSync(file, 'utf8')) as { members: [{ members: ApiItem[] }] };
  return model.members[0].members.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

export const nameOf = (item: ApiItem): string => item.name ?? '';

/** A docstring, taken apart. Each part is in one line, paragraphs of the summary stay. */
export interface DocComment {
  readonly summary: string;
  readonly preset: string | undefined;
  readonly parameters: ReadonlyMap<string, string>;
}

/** What API Extractor says of constructors that have no docstring. */
const madeUp = /^Constructs a new instance of the `\w+` class$/;

export function readComment(comment: string): DocComment {
  const text = comment
    .replace(/^\/\*\*\s*/, '')
    .replace(/\s*\*\/\s*$/, '')
    .replaceAll(/^[ \t]*\* ?/gm, '');
  const [summary, ...blocks] = text.split(/(?:^|\s)@(?=default|param )/);
  const block = (tag: string): string | undefined =>
    blocks.find((part) => part.startsWith(`${tag} `))?.slice(tag.length);
  const parameters = blocks.flatMap((part): [string, string][] => {
    const found = /^param (\w+) - ([\s\S]*)$/.exec(part);
    return found === null ? [] : [[found[1], oneLine(found[2])]];
  });
  const own = summary.trim().replaceAll(/^```ts$/gm, '```typescript'); // parts of a program, which no test runs
  return {
    summary: madeUp.test(own) ? '' : own,
    preset: block('defaultValue')?.trim() ?? block('default')?.trim().replace(/^- /, ''),
    parameters: new Map(parameters),
  };
}

export const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();
