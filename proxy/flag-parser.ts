import { durationForm, parseDurationMs } from './duration.ts';

/**
 * Reads typed values from command-line flags written as the init and await programs of Linkerd take them: `--name value`,
 * `--name=value`, and `--name` alone for a switch. Remembers every one that is bad.
 */
export class FlagParser {
  readonly problems: string[] = [];
  private readonly values = new Map<string, string>();

  /** @param switches flags that need no value; every other known flag needs one. */
  constructor(args: readonly string[], known: readonly string[], switches: readonly string[]) {
    for (let i = 0; i < args.length; i++) {
      const match = /^--([^=]+)(?:=(.*))?$/s.exec(args[i]);
      const name = match?.[1] ?? '';
      if (match === null || ![...known, ...switches].includes(name)) {
        const all = [...known, ...switches].map((flag) => `--${flag}`).join(', ');
        this.problems.push(`'${args[i]}' is no flag of this command: write ${all}`);
        continue;
      }
      const value = match[2] ?? (switches.includes(name) ? 'true' : args[++i]);
      if (value === undefined) this.problems.push(`--${name} must have a value`);
      else this.values.set(name, value);
    }
  }

  /** Undefined when unset or empty. */
  text(name: string): string | undefined {
    return this.values.get(name) || undefined;
  }

  flag(name: string, fallback = false): boolean {
    const value = this.text(name);
    if (value === undefined) return fallback;
    if (value !== 'true' && value !== 'false') this.bad(name, value, 'must be true or false');
    return value === 'true';
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.text(name);
    if (value === undefined) return fallback;
    if (!(choices as readonly string[]).includes(value)) this.bad(name, value, `must be one of ${choices.join(', ')}`);
    return value as T;
  }

  integer(name: string, min: number, max: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (/^\d+$/.test(value) && Number(value) >= min && Number(value) <= max) return Number(value);
    this.bad(name, value, `must be a whole number from ${min} to ${max}`);
    return undefined;
  }

  /** `500ms`, `10s`, `2m` in milliseconds. */
  durationMs(name: string, fallbackMs: number): number {
    const value = this.text(name);
    if (value === undefined) return fallbackMs;
    const durationMs = parseDurationMs(value);
    if (durationMs === undefined) this.bad(name, value, `must be ${durationForm}`);
    return durationMs ?? fallbackMs;
  }

  /** Every value of a comma-separated list that `read` takes; it returns undefined for one that it does not. */
  list<T>(name: string, read: (item: string) => T | undefined, expected: string): T[] {
    const items: T[] = [];
    for (const item of (this.text(name) ?? '').split(',').map((raw) => raw.trim())) {
      if (item === '') continue;
      const value = read(item);
      if (value === undefined) this.bad(name, item, `must be ${expected}`);
      else items.push(value);
    }
    return items;
  }

  bad(name: string, value: string | undefined, rule: string): void {
    this.problems.push(`--${name}${value === undefined ? '' : ` (${value})`} ${rule}`);
  }
}
