import {
  type Alias,
  type Document,
  isAlias,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  type ScalarTag,
} from 'yaml';

/**
 * YAML as kubectl and the API server read it (sigs.k8s.io/yaml over goyaml.v2): version 1.1 with Go's numbers. `0400` is
 * octal, `yes` and `on` are booleans, `1_000` is a number, `<<` merges; dates and `1:30` stay texts.
 */

/** What is no object for kubectl; the message says why. */
export class YamlProblem extends Error {
  /** In the text of the document, as far as it is known. */
  readonly offset: number | undefined;

  constructor(message: string, offset?: number) {
    super(message);
    this.offset = offset;
  }
}

const words = new Map<string, boolean | null | number>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word): [string, null] => [word, null]),
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map((word): [string, true] => [
    word,
    true,
  ]),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map((word): [string, false] => [
    word,
    false,
  ]),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((word): [string, number] => [word, Infinity]),
  ...['-.inf', '-.Inf', '-.INF'].map((word): [string, number] => [word, -Infinity]),
  ...['.nan', '.NaN', '.NAN'].map((word): [string, number] => [word, Number.NaN]),
]);

type PlainValue = string | number | bigint | boolean | null;

/** The value of a scalar without quotes (goyaml.v2, resolve.go). */
export function plainValue(text: string): PlainValue {
  const word = words.get(text);
  if (word !== undefined) return word;
  if (/^\.\d+(e[-+]?\d+)?$/i.test(text)) return Number(text);
  if (!/^[-+\d]/.test(text)) return text;
  const plain = text.replaceAll('_', '');
  const integer = goInteger(plain);
  if (integer !== undefined) return integer;
  return /^[-+]?(\.\d+|\d+(\.\d*)?)(e[-+]?\d+)?$/i.test(plain) ? Number(plain) : text;
}

const maxUint64 = 2n ** 64n - 1n;

/** Go's strconv.ParseInt with base 0, signed or not, of 64 bits. */
function goInteger(text: string): number | bigint | undefined {
  // goyaml gives what stands behind `0b` to ParseInt once more, which takes a sign there.
  const binary = /^0b([-+])([01]+)$/.exec(text);
  if (binary) return signed(binary[1], BigInt(`0b${binary[2]}`));
  const match = /^([-+]?)(?:(0x[0-9a-f]+|0b[01]+)|0o?([0-7]+)|([1-9]\d*|0))$/i.exec(text);
  if (!match) return undefined;
  const [, sign, prefixed, octal, decimal] = match;
  return signed(sign, BigInt(prefixed?.toLowerCase() ?? (octal === undefined ? decimal : `0o${octal}`)));
}

function signed(sign: string, size: bigint): number | bigint | undefined {
  if (size > (sign === '-' ? 2n ** 63n : maxUint64) || (sign === '+' && size >= 2n ** 63n)) return undefined;
  const value = sign === '-' ? -size : size;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

const untagged: ScalarTag = {
  tag: 'tag:tulle.dev,2026:plain',
  default: true,
  test: /^(?!<<$)/,
  resolve: plainValue,
};

/** With an explicit tag: `!!int "3"`. */
const tagged = (name: string, accepts: (value: PlainValue) => boolean): ScalarTag => ({
  tag: `tag:yaml.org,2002:${name}`,
  resolve: (text, onError) => {
    const value = plainValue(text);
    if (!accepts(value)) onError(`is no ${name}`);
    return value;
  },
});

const isNumber = (value: PlainValue): boolean => typeof value === 'number' || typeof value === 'bigint';

/** Options that make the library compose scalars the way that kubectl reads them. */
const options = {
  version: '1.1' as const,
  schema: 'failsafe',
  merge: true,
  uniqueKeys: false, // of the same key twice the last holds, as in Go
  keepSourceTokens: true,
  strict: true,
  logLevel: 'silent' as const,
  customTags: (tags: unknown[]) => [
    ...tags,
    untagged,
    tagged('int', isNumber),
    tagged('float', isNumber),
    tagged('bool', (value) => typeof value === 'boolean'),
    tagged('null', (value) => value === null),
  ],
} as Parameters<typeof parseDocument>[1];

export interface ReadDocument {
  readonly document: Document.Parsed;
  readonly value: unknown;
}

/**
 * Reads the text between two separators; undefined when nothing stands there. Throws a YamlProblem for what kubectl cannot
 * read, and for tags that it knows and this does not.
 */
export function readYaml(text: string): ReadDocument | undefined {
  const document = parseDocument(text, options) as Document.Parsed;
  // Go passes over tags of somebody's own, but decodes those of YAML that this does not know (`!!binary`).
  const unknown = document.warnings.filter(({ message }) => message.includes('tag:yaml.org,'));
  const [problem] = [...document.errors, ...unknown];
  if (problem !== undefined) {
    // The words of the parser's own stack, which says nothing to who has written the file.
    const isDeep = problem.message.startsWith('Maximum call stack');
    const message = isDeep ? 'lists and maps stand too deep in one another' : problem.message.split('\n')[0];
    throw new YamlProblem(message, problem.pos[0]);
  }
  if (document.contents === null) return undefined;
  const value = new Reader().value(document.contents);
  return value === null ? undefined : { document, value };
}

/** Alias upon alias can make a short text a huge object: no manifest has this many values. */
const maxValues = 1_000_000;

class Reader {
  /** Of the nodes that are read in full: none holds itself. */
  private readonly anchors = new Map<string, Node>();
  private values = 0;

  value(node: Node | null): unknown {
    if (++this.values > maxValues) throw new YamlProblem(`has more than ${maxValues} values: aliases of aliases`);
    if (node === null) return null;
    if (isAlias(node)) return this.value(this.source(node));
    const value = this.contents(node);
    if (node.anchor !== undefined) this.anchors.set(node.anchor, node);
    return value;
  }

  private contents(node: Exclude<Node, Alias>): unknown {
    if (isScalar(node)) return node.value;
    if (isSeq(node)) return node.items.map((item) => this.value(item as Node | null));
    const entries = new Map<string, unknown>();
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      if (isMergeKey(pair)) this.merge(entries, pair.value);
      else entries.set(keyText(pair), this.value(pair.value));
    }
    return toRecord(entries);
  }

  /** Later keys win over merged ones, as do merged ones over earlier keys; so does goyaml.v2. */
  private merge(entries: Map<string, unknown>, from: Node | null): void {
    const source = isAlias(from) ? this.source(from) : from;
    const maps = isSeq(source) ? source.items.toReversed() : [source];
    for (const map of maps) {
      const merged = this.value(map as Node | null);
      if (typeof merged !== 'object' || merged === null || Array.isArray(merged))
        throw new YamlProblem('<< must name a map', from?.range?.[0]);
      for (const [key, value] of Object.entries(merged)) entries.set(key, value);
    }
  }

  private source(alias: Alias): Node {
    const node = this.anchors.get(alias.source);
    if (node === undefined) throw new YamlProblem(`*${alias.source} names no anchor above it`, alias.range?.[0]);
    return node;
  }
}

/** `__proto__` is a key like any other. */
function toRecord(entries: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (const [key, value] of entries)
    Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
  return record;
}

/** True for an unquoted `<<`. */
export const isMergeKey = ({ key }: Pair<Node, unknown>): boolean =>
  isScalar(key) && (key.type ?? Scalar.PLAIN) === Scalar.PLAIN && key.source === '<<';

/** A key as JSON has it. Throws for a map or a list, which `{{ .Values.name }}` is. */
export function keyText({ key }: Pair<Node, unknown>): string {
  if (isScalar(key) && key.value !== null) return String(key.value);
  const range = (key as Node | null)?.range;
  throw new YamlProblem('a key must be a text: a template must be rendered first', range?.[0]);
}

export interface DocumentText {
  readonly text: string;
  /** Of the document's text in that of the file. */
  readonly offset: number;
}

/**
 * The texts between lines of `---` alone, or with a comment, at which kubectl splits before it parses; and the JSON objects
 * of a text that has nothing else, as `jq '.items[]'` writes them.
 */
export function splitYaml(text: string): DocumentText[] {
  const found: DocumentText[] = [];
  let offset = 0;
  const add = (end: number): void => {
    for (const part of splitJson(text.slice(offset, end))) {
      found.push({ text: part, offset });
      offset += part.length;
    }
  };
  for (const { index, 0: separator } of text.matchAll(/^---[ \t]*(?:#[^\n]*)?\r?(?:\n|$)/gm)) {
    add(index);
    offset = index + separator.length;
  }
  add(text.length);
  return found;
}

/** Each object with what stands before it, the last with what stands behind it too; the text itself when it is other than JSON. */
function splitJson(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let end = endOfObject(text, start); end !== undefined; end = endOfObject(text, start)) {
    const part = text.slice(start, end);
    if (!isJson(part)) return [text];
    parts.push(part);
    start = end;
  }
  const rest = text.slice(start);
  if (parts.length < 2 || rest.trim() !== '') return [text];
  parts.push(`${parts.pop()}${rest}`);
  return parts;
}

/** Behind the brace that closes the next object; undefined when none begins or ends. */
function endOfObject(text: string, start: number): number | undefined {
  let depth = 0;
  let isText = false;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    // A brace means nothing in a text, and a quote behind a backslash does not end it.
    if (isText && char === '\\') at++;
    else if (char === '"') isText = !isText;
    else if (isText) continue;
    else if (char === '{') depth++;
    else if (char === '}' && --depth === 0) return at + 1;
    else if (depth <= 0 && !/\s/.test(char)) return undefined;
  }
  return undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
