import { groupAndVersion, type KindSpec } from './definition.ts';
import { Problems } from './problems.ts';
import { type Schema, sameAs, says } from './schema.ts';

/**
 * Whether a `spec` is as the schema of its kind says, for objects that no API server has checked: those of files, and
 * those that were stored under another definition. It knows the keywords that our schemas have; a test holds it to that.
 * As in Kubernetes, null is absent where it stands in place of a field, and is a wrong item in a list.
 */

/** Values that hold values of their own kind could go on for ever. */
const maxDepth = 64;
const longestName = 100;
const maxInt32 = 2_147_483_647;

interface Context {
  readonly problems: Problems;
  readonly refuseUnknownFields: boolean;
  /** Only types count: bounds, patterns and words are others' to tell. */
  readonly typesOnly?: boolean;
}

/**
 * Tells what in the `spec` of an object breaks the schema of its version, or the shape of a kind that somebody else
 * brings; of a version that is not known, that of the newest. The `status` is not looked at: controllers write it.
 */
export function checkStructure(
  kind: KindSpec,
  object: { readonly apiVersion: string; readonly spec?: unknown },
  problems: Problems,
  { refuseUnknownFields = kind.refusesUnknownFields === true } = {},
): void {
  const schema = schemaOf(kind, object.apiVersion);
  const spec = schema?.['properties'] as { spec?: Schema } | undefined;
  if (schema === undefined || spec?.spec === undefined) return;
  const { spec: value } = object;
  if (value !== undefined && value !== null) check(spec.spec, value, 'spec', 0, { problems, refuseUnknownFields });
  else if (namesOf(schema['required']).includes('spec')) problems.add('spec', 'must be set');
}

/**
 * What keeps code from reading an object at all: the first value of its `spec` that is of another type than the newest
 * version of its kind says, or is missing where it must be set. What else breaks the schema is not looked at: there are
 * readers that know what a word must mean which they do not know.
 */
export function misshape(kind: KindSpec, object: { readonly spec?: unknown }): string | undefined {
  const schema = kind.versions[0]?.schema ?? kind.shape;
  if (schema === undefined) return undefined;
  const problems = new Problems(1);
  const { spec } = schema['properties'] as { readonly spec: Schema };
  const context = { problems, refuseUnknownFields: false, typesOnly: true };
  if (!isAbsent(object.spec)) check(spec, object.spec, 'spec', 0, context);
  else if (namesOf(schema['required']).includes('spec')) problems.add('spec', 'must be set');
  return problems.list[0];
}

/** The same of any value, by its schema. */
export function checkValue(schema: Schema, value: unknown, path: string, problems: Problems): void {
  check(schema, value, path, 0, { problems, refuseUnknownFields: false });
}

function schemaOf({ versions, shape }: KindSpec, apiVersion: string): Schema | undefined {
  const [, named] = groupAndVersion(apiVersion);
  return (versions.find(({ name }) => name === named) ?? versions[0])?.schema ?? shape;
}

function check(declared: Schema, value: unknown, path: string, depth: number, context: Context): void {
  const { problems } = context;
  if (problems.isFull) return;
  if (depth > maxDepth) {
    problems.add(path, `must not lie deeper than ${maxDepth} levels`);
    return;
  }
  const schema = declared[sameAs]?.() ?? declared;
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (typeof value !== 'string' && !isInt32(value)) problems.add(path, 'must be a whole number or a text', value);
    return;
  }
  switch (schema.type) {
    case 'object':
      if (!isRecord(value)) problems.add(path, 'must be an object', value);
      else if (isRecord(schema['additionalProperties'])) checkMap(schema, value, path, depth, context);
      else checkFields(schema, value, path, depth, context);
      return;
    case 'array':
      if (!Array.isArray(value)) problems.add(path, 'must be a list', value);
      else checkItems(schema, value, path, depth, context);
      return;
    case 'string':
      if (typeof value !== 'string') problems.add(path, 'must be a text', value);
      else if (!context.typesOnly) checkText(schema, value, path, problems);
      return;
    case 'boolean':
      if (typeof value !== 'boolean') problems.add(path, 'must be true or false', value);
      return;
    case 'integer':
      if (!Number.isInteger(value)) problems.add(path, 'must be a whole number', value);
      else if (!context.typesOnly) checkRange(schema, value as number, path, problems);
      return;
    case 'number':
      if (!Number.isFinite(value)) problems.add(path, 'must be a number', value);
      else if (!context.typesOnly) checkRange(schema, value as number, path, problems);
  }
}

function checkFields(
  schema: Schema,
  value: Readonly<Record<string, unknown>>,
  path: string,
  depth: number,
  context: Context,
): void {
  const { problems, refuseUnknownFields, typesOnly } = context;
  const fields = (schema['properties'] ?? {}) as Readonly<Record<string, Schema>>;
  for (const name of namesOf(schema['required'])) {
    if (isAbsent(value[name]) && fields[name]['default'] === undefined) {
      problems.add(`${path}.${name}`, mustBeSet(fields[name]));
    }
  }
  for (const name in fields) {
    if (!isAbsent(value[name])) check(fields[name], value[name], `${path}.${name}`, depth + 1, context);
  }
  if (!typesOnly) checkAlternatives(schema, value, path, problems);
  if (!refuseUnknownFields || schema['x-kubernetes-preserve-unknown-fields'] === true) return;
  for (const name in value) {
    if (problems.isFull) return;
    if (!Object.hasOwn(fields, name)) {
      const known = Object.keys(fields).join(', ');
      problems.add(`${path}.${name.slice(0, longestName)}`, `is no field that is known: they are ${known}`);
    }
  }
}

/** Of `oneOf`, the alternatives are fields of which exactly one must be set. */
function checkAlternatives(
  schema: Schema,
  value: Readonly<Record<string, unknown>>,
  path: string,
  problems: Problems,
): void {
  if (!Array.isArray(schema['oneOf'])) return;
  const alternatives = schema['oneOf'].flatMap(({ required }) => namesOf(required));
  const set = alternatives.filter((name) => !isAbsent(value[name]));
  if (set.length === 1) return;
  problems.add(path, `must have either ${alternatives.join(' or ')}${set.length === 0 ? '' : ', and no more of them'}`);
}

function checkMap(
  schema: Schema,
  value: Readonly<Record<string, unknown>>,
  path: string,
  depth: number,
  context: Context,
): void {
  const max = mostOf(schema['maxProperties'], context);
  const { length } = Object.keys(value);
  if (length > max) {
    context.problems.add(path, `must have at most ${counted(max, 'field')}, and has ${length}`);
    return;
  }
  for (const name in value) {
    if (context.problems.isFull) return;
    if (isAbsent(value[name])) continue;
    const at = `${path}['${name.slice(0, longestName)}']`;
    check(schema['additionalProperties'] as Schema, value[name], at, depth + 1, context);
  }
}

const mostOf = (bound: unknown, { typesOnly }: Context): number =>
  typeof bound === 'number' && !typesOnly ? bound : Number.POSITIVE_INFINITY;

function checkItems(schema: Schema, value: readonly unknown[], path: string, depth: number, context: Context): void {
  const { problems } = context;
  const min = (schema['minItems'] as number | undefined) ?? 0;
  const max = mostOf(schema['maxItems'], context);
  if (value.length < min && !context.typesOnly) problems.add(path, `must have at least ${counted(min, 'item')}`);
  if (value.length > max) {
    problems.add(path, `must have at most ${counted(max, 'item')}, and has ${value.length}`);
    return;
  }
  for (const [index, item] of value.entries()) {
    if (problems.isFull) return;
    check(schema['items'] as Schema, item, `${path}[${index}]`, depth + 1, context);
  }
}

function checkText(schema: Schema, value: string, path: string, problems: Problems): void {
  const allowed = schema['enum'] as readonly string[] | undefined;
  if (allowed !== undefined) {
    if (!allowed.includes(value)) problems.add(path, oneOf(allowed), value);
    return;
  }
  const min = (schema['minLength'] as number | undefined) ?? 0;
  const max = (schema['maxLength'] as number | undefined) ?? Number.POSITIVE_INFINITY;
  if (value.length < min) problems.add(path, min === 1 ? 'must not be empty' : `must have at least ${min} characters`);
  else if (isLonger(value, max)) problems.add(path, `must have at most ${counted(max, 'character')}`, value);
  else if (!matches(schema['pattern'] as string | undefined, value)) {
    problems.add(path, schema[says] ?? `must match ${schema['pattern']}`, value);
  }
}

function checkRange(schema: Schema, value: number, path: string, problems: Problems): void {
  const allowed = schema['enum'] as readonly number[] | undefined;
  if (allowed?.includes(value) === false) problems.add(path, `must be one of ${allowed.join(', ')}`, value);
  const min = schema['minimum'] as number | undefined;
  const max = (schema['maximum'] as number | undefined) ?? (schema['format'] === 'int32' ? maxInt32 : undefined);
  if (min === 0 && value < 0) problems.add(path, 'must not be negative', value);
  else if ((min !== undefined && value < min) || (max !== undefined && value > max)) {
    const range =
      max === undefined ? `at least ${min}` : min === undefined ? `at most ${max}` : `from ${min} to ${max}`;
    problems.add(path, `must be ${range}`, value);
  }
}

const mustBeSet = ({ enum: allowed }: Schema): string =>
  Array.isArray(allowed) ? `must be set: it ${oneOf(allowed)}` : 'must be set';
const oneOf = (allowed: readonly string[]): string =>
  `must be one of ${allowed.map((value) => `'${value}'`).join(', ')}`;
const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** Patterns come from our schemas alone, never from an object, and none takes more than linear time. */
const patterns = new Map<string, RegExp>();

function matches(pattern: string | undefined, value: string): boolean {
  if (pattern === undefined) return true;
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    compiled = new RegExp(pattern);
    patterns.set(pattern, compiled);
  }
  return compiled.test(value);
}

/** Characters are code points, of which one may be two units of a text. */
const isLonger = (value: string, max: number): boolean =>
  value.length > max && (value.length > 2 * max || [...value].length > max);

const isInt32 = (value: unknown): boolean => Number.isInteger(value) && Math.abs(value as number) <= maxInt32 + 1;
const isAbsent = (value: unknown): boolean => value === undefined || value === null;
const namesOf = (names: unknown): readonly string[] => (Array.isArray(names) ? names : []);
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
