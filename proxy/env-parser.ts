import { durationForm, parseDurationMs } from './duration.ts';

/** Reads typed values from environment variables and remembers every one that is bad. */
export class EnvParser {
  readonly problems: string[] = [];
  /** Names of all variables that were asked for, with the prefix: what else is set has no effect. */
  readonly read = new Set<string>();
  private readonly env: Readonly<Record<string, string | undefined>>;
  private readonly prefix: string;

  constructor(env: Readonly<Record<string, string | undefined>>, prefix: string) {
    this.env = env;
    this.prefix = prefix;
  }

  /** Undefined when unset or empty. */
  text(name: string): string | undefined {
    const value = this.raw(name);
    return value === undefined || value === '' ? undefined : value;
  }

  /** True also when it is set to nothing. */
  isSet(name: string): boolean {
    return this.raw(name) !== undefined;
  }

  /** What begins so is not needed, whatever it says. */
  passOver(beginning: string): void {
    for (const variable of Object.keys(this.env)) {
      if (variable.startsWith(this.prefix + beginning)) this.read.add(variable);
    }
  }

  required(name: string, purpose: string): string {
    const value = this.text(name);
    if (value === undefined) this.bad(name, undefined, `must be set: ${purpose}`);
    return value ?? '';
  }

  flag(name: string, fallback = false): boolean {
    const value = this.text(name);
    if (value === undefined) return fallback;
    if (value === 'true' || value === '1') return true;
    if (value !== 'false' && value !== '0') this.bad(name, value, 'must be true or false');
    return false;
  }

  integer(name: string, fallback: number, min: number, max: number): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= min && number <= max) return number;
    this.bad(name, value, `must be an integer from ${min} to ${max}`);
    return fallback;
  }

  /** A number from 0 to 1. */
  share(name: string, fallback: number): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const share = Number(value);
    if (/^(?:\d+|\d*\.\d+)$/.test(value) && share <= 1) return share;
    this.bad(name, value, 'must be a number from 0 to 1');
    return fallback;
  }

  /** `100ms`, `3s`, `2m`, `1h`, `1d` in milliseconds; one that no clock could count is refused like any other. */
  durationMs(name: string, fallbackMs: number): number {
    const value = this.text(name);
    if (value === undefined) return fallbackMs;
    const durationMs = parseDurationMs(value);
    if (durationMs === undefined) this.bad(name, value, `must be ${durationForm}`);
    return durationMs ?? fallbackMs;
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.text(name);
    if (value === undefined) return fallback;
    if ((choices as readonly string[]).includes(value)) return value as T;
    this.bad(name, value, `must be one of ${choices.join(', ')}`);
    return fallback;
  }

  /** Every value of a comma-separated list that `read` takes; it returns undefined for one that it does not. */
  list<T>(name: string, read: (item: string) => T | undefined, expected: string): T[] {
    const items: T[] = [];
    for (const raw of (this.text(name) ?? '').split(',')) {
      const item = raw.trim();
      if (item === '') continue;
      const value = read(item);
      if (value === undefined) this.bad(name, item, `must be ${expected}`);
      else items.push(value);
    }
    return items;
  }

  private raw(name: string): string | undefined {
    const variable = this.prefix + name;
    this.read.add(variable);
    return this.env[variable];
  }

  bad(name: string, value: string | undefined, rule: string): void {
    this.problems.push(`${this.prefix}${name}${value === undefined ? '' : ` (${value})`} ${rule}`);
  }
}
