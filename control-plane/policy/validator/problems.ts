import type { z } from 'zod';

/** Collects what is wrong with an object, each with the path of its field: `spec.port (0) must be ...`. */
export class Problems {
  readonly list: string[] = [];

  add(path: string, rule: string, value?: unknown): void {
    this.list.push(value === undefined ? `${path} ${rule}` : `${path} (${show(value)}) ${rule}`);
  }

  /** The value as `schema` reads it; undefined, with a problem for each field, when it cannot. */
  parse<Schema extends z.ZodType>(schema: Schema, value: unknown, path: string): z.output<Schema> | undefined {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) this.add(joinPath(path, issue.path), ruleOf(issue));
    return undefined;
  }
}

const longestShown = 100;

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}

function joinPath(path: string, rest: readonly PropertyKey[]): string {
  return rest.reduce<string>(
    (joined, key) => (typeof key === 'number' ? `${joined}[${key}]` : `${joined}.${String(key)}`),
    path,
  );
}

function ruleOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined && issue.message.includes('undefined')
        ? `must be set, to a value of type ${issue.expected}`
        : `must be of type ${issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map((value) => `'${String(value)}'`).join(', ')}`;
    default:
      return `is not valid: ${issue.message}`;
  }
}
