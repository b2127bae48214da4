import { durationMs } from '../lib/contract/durations.ts';

/** A flag that is missing or wrong: the message names flag, value and rule. */
export class FlagError extends Error {}

/** Values of the command line, checked one by one. */
export class Flags {
  private readonly values: Readonly<Record<string, string | boolean | undefined>>;

  constructor(values: Readonly<Record<string, string | boolean | undefined>>) {
    this.values = values;
  }

  /** Whether a flag was given; of a flag without a value, whether it is on. */
  isSet(name: string): boolean {
    const value = this.values[name];
    return value !== undefined && value !== false;
  }

  text(name: string, fallback?: string): string {
    const value = this.values[name] ?? fallback;
    if (typeof value !== 'string' || value === '') throw new FlagError(`--${name} must be set`);
    return value;
  }

  /** Undefined when the flag is not given. */
  optional(name: string): string | undefined {
    return this.values[name] === undefined ? undefined : this.text(name);
  }

  /** `HOST:PORT`. */
  address(name: string, fallback: string): { host: string; port: number } {
    const text = this.text(name, fallback);
    const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
    if (!match || Number(match[3]) > 65_535) throw new FlagError(`--${name} (${text}) must be HOST:PORT`);
    return { host: match[1] ?? (match[2] || '0.0.0.0'), port: Number(match[3]) };
  }

  /** `20s`, `24h` in milliseconds. */
  durationMs(name: string, fallback: string): number {
    const text = this.text(name, fallback);
    const ms = durationMs.read(text);
    if (ms === undefined) throw new FlagError(`--${name} (${text}) must be a duration such as 20s or 24h`);
    return ms;
  }

  list(name: string, fallback: string): string[] {
    const value = this.values[name] ?? fallback;
    return String(value)
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }
}
