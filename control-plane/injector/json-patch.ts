import { isDeepStrictEqual } from 'node:util';

/** An operation of RFC 6902; these three say every change. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

type Json = Record<string, unknown>;

/**
 * The operations that turn `before` into `after`, both as JSON has them: a field that is undefined is one that is not
 * there. Only what differs is named, so that what other webhooks changed meanwhile is left alone. List items that have a
 * `name`, as containers and volumes do, are told apart by it: a sidecar put before the others is one `add`.
 */
export function jsonPatch(before: unknown, after: unknown): JsonPatchOperation[] {
  const operations: JsonPatchOperation[] = [];
  compare(before, after, '', operations);
  return operations;
}

function compare(before: unknown, after: unknown, path: string, operations: JsonPatchOperation[]): void {
  if (before === after) return;
  if (Array.isArray(before) && Array.isArray(after)) compareLists(before, after, path, operations);
  else if (isObject(before) && isObject(after)) compareObjects(before, after, path, operations);
  else operations.push({ op: 'replace', path, value: after });
}

function compareObjects(before: Json, after: Json, path: string, operations: JsonPatchOperation[]): void {
  for (const key of Object.keys(before)) {
    if (before[key] !== undefined && !has(after, key)) operations.push({ op: 'remove', path: child(path, key) });
  }
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined) continue;
    if (has(before, key)) compare(before[key], value, child(path, key), operations);
    else operations.push({ op: 'add', path: child(path, key), value });
  }
}

/** Walks both lists at once. `index` is where the walk stands in the list as the operations so far have left it. */
function compareLists(
  before: readonly unknown[],
  after: readonly unknown[],
  path: string,
  operations: JsonPatchOperation[],
): void {
  let old = 0;
  let index = 0;
  while (index < after.length) {
    if (old < before.length && isSame(before[old], after[index])) {
      if (isNamed(before[old])) compare(before[old], after[index], child(path, index), operations);
      old++;
      index++;
    } else if (old < before.length && !after.slice(index).some((item) => isSame(before[old], item))) {
      operations.push({ op: 'remove', path: child(path, index) });
      old++;
    } else {
      operations.push({ op: 'add', path: child(path, index), value: after[index] });
      index++;
    }
  }
  for (; old < before.length; old++) operations.push({ op: 'remove', path: child(path, index) });
}

/** Whether two list items are one thing, though perhaps changed. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  return isNamed(a) && isNamed(b) ? a.name === b.name : isDeepStrictEqual(a, b);
}

const isNamed = (value: unknown): value is Json & { name: string } =>
  isObject(value) && typeof value['name'] === 'string';

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Own fields only: `constructor` may be a label's name. */
const has = (object: Json, key: string): boolean => Object.hasOwn(object, key) && object[key] !== undefined;

/** A JSON pointer one step on (RFC 6901 section 3). */
const child = (path: string, key: string | number): string =>
  `${path}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
