import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parseCidr } from '../../lib/contract/cidr.ts';
import { durationMs } from '../../lib/contract/durations.ts';
import { type PortSet, parsePortSet } from '../../lib/contract/port-list.ts';

/** Flags that are missing or wrong: the message names each, its value and its rule. */
export class FlagError extends Error {}

export interface FlagOption {
  readonly type: 'string' | 'boolean';
  /** May be given several times; see `list`. Of any other flag the last one counts. */
  readonly multiple?: boolean;
}
export type FlagOptions = Readonly<Record<string, FlagOption>>;
type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

/** The command line of a component. It is read as a whole, so that all that is wrong with it is told at once. */
export class Flags {
  private readonly values: Values;
  private readonly problems: readonly string[];

  constructor(values: Values, problems: readonly string[] = []) {
    this.values = values;
    this.problems = problems;
  }

  /** What `--name value` says, as far as it is known; what is not is a problem that `read` tells. */
  static parse(args: readonly string[], options: FlagOptions): Flags {
    const { values, tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
    const problems = tokens.flatMap((token) => {
      if (token.kind === 'positional') return [`${token.value} is no flag`];
      if (token.kind !== 'option') return [];
      const type = options[token.name]?.type;
      if (type === undefined) return [`${token.rawName} is not known`];
      if (type === 'string' && token.value === undefined) return [`${token.rawName} must have a value`];
      return type === 'boolean' && token.value !== undefined ? [`${token.rawName} takes no value`] : [];
    });
    return new Flags(values as Values, problems);
  }

  /** What `read` makes of the flags. Throws one FlagError for all that is wrong. */
  read<T>(read: (flags: FlagReader) => T): T {
    const reader = new FlagReader(this.values, this.problems);
    const result = read(reader);
    if (reader.problems.length > 0) throw new FlagError(reader.problems.join('; '));
    return result;
  }
}

/** Values of the command line, checked one by one. Of one that is wrong something is given in its place: see `Flags.read`. */
export class FlagReader {
  readonly problems: string[];
  private readonly values: Values;

  constructor(values: Values, problems: readonly string[]) {
    this.values = values;
    this.problems = [...problems];
  }

  /** Whether a flag was given; of a flag without a value, whether it is on. */
  isSet(name: string): boolean {
    const value = this.values[name];
    return value !== undefined && value !== false;
  }

  text(name: string, fallback?: string): string {
    const value = this.values[name] ?? fallback;
    if (typeof value === 'string' && value !== '') return value;
    this.problems.push(`--${name} must be set`);
    return '';
  }

  /** Undefined when the flag is not given. */
  optional(name: string): string | undefined {
    return this.values[name] === undefined ? undefined : this.text(name);
  }

  /** The text of a file of PEM certificates; undefined when the flag is not given. */
  certificates(name: string): string | undefined {
    const file = this.optional(name);
    if (file === undefined) return undefined;
    try {
      const text = readFileSync(file, 'utf8');
      if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
      this.problems.push(`--${name} (${file}) must be a file of PEM certificates`);
    } catch (error) {
      this.problems.push(`--${name} (${file}) cannot be read: ${(error as Error).message}`);
    }
    return undefined;
  }

  oneOf<T extends string>(name: string, options: readonly T[], fallback: T): T {
    return (
      this.checked(name, fallback, `one of ${options.join(', ')}`, (text) => options.find((each) => each === text)) ??
      fallback
    );
  }

  /** `true` or `false`. */
  onOff(name: string, fallback: boolean): boolean {
    return this.oneOf(name, ['true', 'false'], fallback ? 'true' : 'false') === 'true';
  }

  /** A DNS name, in lower case: of a domain, or (one label of it) of a namespace. */
  dnsName(name: string, fallback: string): string {
    const known = (text: string): string | undefined =>
      text.length <= 253 && /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/.test(text)
        ? text
        : undefined;
    return this.checked(name, fallback, 'a DNS name in lower case, such as cluster.local', known) ?? fallback;
  }

  /** `HOST:PORT`. */
  address(name: string, fallback: string): { host: string; port: number } {
    const known = (text: string) => {
      const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
      if (!match || Number(match[3]) > 65_535) return undefined;
      return { host: match[1] ?? (match[2] || '0.0.0.0'), port: Number(match[3]) };
    };
    return this.checked(name, fallback, 'HOST:PORT', known) ?? { host: '', port: 0 };
  }

  /** `20s`, `24h` in milliseconds. */
  durationMs(name: string, fallback: string, atLeastMs = 0): number {
    const known = (text: string): number | undefined => {
      const ms = durationMs.read(text);
      return ms === undefined || ms < atLeastMs ? undefined : ms;
    };
    const least = atLeastMs === 0 ? '' : `, of ${atLeastMs / 1000}s or more`;
    return this.checked(name, fallback, `a duration such as 20s or 24h${least}`, known) ?? 0;
  }

  /** CIDRs, at least one. */
  networks(name: string, fallback: string): string[] {
    const networks = this.list(name, fallback);
    const wrong = networks.filter((text) => parseCidr(text) === undefined);
    if (wrong.length > 0) this.problems.push(`--${name} (${wrong.join(',')}) must be networks such as 10.0.0.0/8`);
    else if (networks.length === 0) this.problems.push(`--${name} must name at least one network`);
    return networks;
  }

  /** `25,9200-9300`. */
  ports(name: string, fallback: string): PortSet | undefined {
    const text = this.list(name, fallback).join(',');
    const ports = parsePortSet(text, 'names');
    if (ports === undefined) this.problems.push(`--${name} (${text}) must be ports and ranges such as 25,9200-9300`);
    return ports;
  }

  /** Of a flag that may be given several times, those of all of them. */
  list(name: string, fallback: string): string[] {
    return this.items(name, fallback).filter((item) => item !== '');
  }

  /** Names of namespaces, each once; undefined when the flag is not given. */
  namespaces(name: string): string[] | undefined {
    if (this.values[name] === undefined) return undefined;
    const names = this.items(name, '');
    const wrong = names.filter((text) => !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text));
    const twice = names.filter((text, index) => names.indexOf(text) !== index);
    const text = names.join(',');
    if (text === '') this.problems.push(`--${name} must name at least one namespace`);
    else if (wrong.length > 0) this.problems.push(`--${name} (${text}) must be names of namespaces such as shop,bank`);
    else if (twice.length > 0) this.problems.push(`--${name} (${text}) must name each namespace once`);
    return names;
  }

  private items(name: string, fallback: string): string[] {
    return String(this.values[name] ?? fallback)
      .split(',')
      .map((item) => item.trim());
  }

  private checked<T>(
    name: string,
    fallback: string,
    rule: string,
    read: (text: string) => T | undefined,
  ): T | undefined {
    const text = this.values[name] === undefined ? fallback : this.text(name);
    const value = read(text);
    if (value === undefined && text !== '') this.problems.push(`--${name} (${text}) must be ${rule}`);
    return value;
  }
}
