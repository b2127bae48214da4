import { type ParseArgsConfig, parseArgs } from 'node:util';

type Flags = NonNullable<ParseArgsConfig['options']>;
type Values<T extends Flags> = ReturnType<typeof parseArgs<{ options: T }>>['values'];

/**
 * The flags of a measurement's program. For `--help` it prints `usage` and ends the process; for what it does not know it
 * says so, prints `usage`, and ends with exit code 64.
 */
export function parseFlags<T extends Flags>(usage: string, options: T): Values<T> {
  if (process.argv.slice(2).includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return refuse((error as Error).message, usage);
  }
}

/** Flags that are whole numbers above 0, in the order of `defaults`; ends the process as `parseFlags` does. */
export function parseNumbers<N extends string>(
  usage: string,
  defaults: Readonly<Record<N, number>>,
): Record<N, number> {
  const names = Object.keys(defaults) as N[];
  const options = names.map((name) => [name, { type: 'string', default: `${defaults[name]}` }] as const);
  const values: Readonly<Record<string, unknown>> = parseFlags(usage, Object.fromEntries(options));
  const entries = names.map((name) => [name, wholeNumber(usage, name, String(values[name]))]);
  return Object.fromEntries(entries) as Record<N, number>;
}

/** A whole number above 0, given as flag `name`. */
export function wholeNumber(usage: string, name: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  return refuse(`--${name} (${text}) must be a whole number above 0`, usage);
}

function refuse(message: string, usage: string): never {
  console.error(`${message}\n${usage}`);
  return process.exit(64);
}
