import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { isRecord } from '../../lib/inject/kubernetes.ts';
import type { MeshProps } from '../../lib/mesh/mesh-props.ts';
import { UsageError } from '../terminal.ts';
import { unread } from '../unread.ts';
import { meshForm } from './mesh-forms.ts';

/** Where values of a mesh are given: what stands later wins. */
export interface GivenValues {
  /** Files of YAML or JSON. */
  readonly files: readonly string[];
  /** `proxy.logJson=true`. */
  readonly set: readonly string[];
  readonly cwd: string;
}

type Tree = Record<string, unknown>;

/**
 * The props that values say, as data with the names of `MeshProps`. Throws a CommandError for a file that cannot be read,
 * and a UsageError that names everything that cannot be meant.
 */
export function meshValues({ files, set, cwd }: GivenValues): MeshProps {
  const all: Tree = {};
  for (const file of files) merge(all, readFile(file, cwd));
  for (const text of set) assign(all, text);
  const problems: string[] = [];
  const props = meshForm.read(all, '', (path, value, expected) =>
    problems.push(`${path} (${shown(value)}) must be ${expected}`),
  );
  if (problems.length > 0) throw new UsageError(problems.join('\nerror: '));
  return props ?? {};
}

function readFile(file: string, cwd: string): Tree {
  let value: unknown;
  try {
    value = parse(readFileSync(resolve(cwd, file), 'utf8'));
  } catch (error) {
    throw unread(`--values (${file})`, error);
  }
  if (value === null || value === undefined) return {};
  if (!isRecord(value)) throw new UsageError(`--values (${file}) must be a map of the properties of Mesh`);
  return value;
}

/** Maps by their fields, everything else as a whole. */
function merge(into: Tree, from: Tree): void {
  for (const [name, value] of Object.entries(from)) {
    const before = own(into, name);
    if (isRecord(before) && isRecord(value)) merge(before, value);
    else put(into, name, isRecord(value) ? structuredClone(value) : value);
  }
}

/** `a.b=c`; a dot of a name, as in a label, is written `\.`. */
function assign(all: Tree, text: string): void {
  const [, path, value] = /^([^=]+)=([\s\S]*)$/.exec(text) ?? [];
  const names = path?.match(/(?:\\.|[^.\\])+/g)?.map((name) => name.replace(/\\(.)/g, '$1'));
  if (names === undefined || path.startsWith('.') || path.endsWith('.')) {
    throw new UsageError(`--set (${text}) must be a property of Mesh and its value, such as proxy.logJson=true`);
  }
  let at = all;
  for (const name of names.slice(0, -1)) {
    const next = own(at, name);
    const inner = isRecord(next) ? next : {};
    put(at, name, inner);
    at = inner;
  }
  put(at, names[names.length - 1], value);
}

const own = (tree: Tree, name: string): unknown => (Object.hasOwn(tree, name) ? tree[name] : undefined);

/** Not by assignment: `__proto__` is a name like any other. */
const put = (tree: Tree, name: string, value: unknown): void => {
  Object.defineProperty(tree, name, { value, enumerable: true, configurable: true, writable: true });
};

const maxShown = 80;
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
}
