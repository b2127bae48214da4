import { Document, type ScalarTag, type Tags } from 'yaml';
import { plainValue } from '../../control-plane/sources/kubectl-yaml.ts';

/** A value as a YAML document that kubectl, a reader of YAML 1.1, reads as the same value. Ends with a newline. */
export function blockYaml(value: unknown): string {
  const document = new Document(value, null, { version: '1.1', customTags, aliasDuplicateObjects: false });
  return document.toString({ lineWidth: 0 });
}

/** Those of YAML 1.1, with texts that are quoted for Go too, which takes more for a number: `0o14` and `1__0`. */
const customTags = (tags: Tags): Tags =>
  tags.flatMap((tag) => {
    if (typeof tag === 'string' || tag.tag === 'tag:yaml.org,2002:merge') return [];
    if (tag.tag !== 'tag:yaml.org,2002:str') return [tag];
    const { stringify, ...text } = tag as ScalarTag;
    return [
      {
        ...text,
        stringify: (item, ...rest) =>
          needsQuotes(String(item.value)) ? quoted(String(item.value)) : (stringify?.(item, ...rest) ?? ''),
      } satisfies ScalarTag,
    ];
  });

const needsQuotes = (text: string): boolean =>
  plainValue(text) !== text || text === '<<' || text === '=' || oddCharacter.test(text);

/** What JSON lets stand, and YAML 1.1 takes for the end of a line, or does not allow. */
const oddCharacter = /[\x7f-\x9f\u2028\u2029\ufeff]/;

/** A value on one line, as JSON, which is YAML too: for what stands within braces already. */
export function flowYaml(value: unknown): string {
  if (typeof value === 'bigint') return `${value}`;
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined) {
    return JSON.stringify(value) ?? 'null';
  }
  if (Array.isArray(value)) return `[${value.map(flowYaml).join(', ')}]`;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return `{${entries.map(([key, one]) => `${quoted(key)}: ${flowYaml(one)}`).join(', ')}}`;
}

const quoted = (text: string): string =>
  JSON.stringify(text).replace(
    new RegExp(oddCharacter, 'g'),
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
