import { type EnvVar, isRecord } from './kubernetes.ts';
import { type PortEntry, parsePorts } from './ports.ts';

/** A form that an annotation's value can have: how it is read (undefined when it is not that), and how to say so. */
export interface ValueForm<T> {
  readonly read: (text: string) => T | undefined;
  readonly expected: string;
}

export const text: ValueForm<string> = { read: (value) => value.trim() || undefined, expected: 'a non-empty text' };

export const port: ValueForm<number> = {
  read: (value) => integer(value, 1, 65_535),
  expected: 'a port from 1 to 65535',
};

export const portList: ValueForm<PortEntry[]> = {
  read: (value) => parsePorts(value, 'numbers'),
  expected: 'ports and ranges such as 25,4000-4100',
};

export const namedPortList: ValueForm<PortEntry[]> = {
  read: (value) => parsePorts(value, 'names'),
  expected: 'ports, ranges and names of container ports such as 25,4000-4100,mysql',
};

export const subnetList: ValueForm<string[]> = {
  read: (value) => {
    const subnets = splitList(value);
    return subnets.every(isCidr) ? subnets : undefined;
  },
  expected: 'networks such as 10.0.0.0/8,fd00::/8',
};

/** `96Mi`, `1.5Gi`, `1e9` (apimachinery's resource.Quantity, without signs). */
export const quantity: ValueForm<string> = {
  read: (value) => (/^(\d+\.?\d*|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE]\d+)?$/.test(value) ? value : undefined),
  expected: 'a Kubernetes quantity such as 96Mi or 1.5Gi',
};

/** Cores: `2`, `0.5` or thousandths, `500m`. */
export const cpu: ValueForm<string> = {
  read: (value) => (/^(\d+(\.\d{1,3})?|\d+m)$/.test(value) && !/^[0.]+m?$/.test(value) ? value : undefined),
  expected: 'a CPU quantity such as 100m or 1.5',
};

export const ratio: ValueForm<number> = {
  read: (value) => {
    const number = Number(value);
    return value.trim() !== '' && number > 0 && number < 1 ? number : undefined;
  },
  expected: 'a number between 0 and 1 such as 0.25',
};

export const durationMs: ValueForm<number> = {
  read: readDurationMs,
  expected: 'a duration such as 500ms, 10s or 1m30s',
};

export const seconds: ValueForm<number> = {
  read: (value) => integer(value, 0, 86_400) ?? wholeSeconds(value),
  expected: 'whole seconds such as 30 or 30s',
};

export const userId: ValueForm<number> = {
  read: (value) => integer(value, 1, 2_147_483_647),
  expected: 'a user id of 1 or more: the proxy does not run as root',
};

export const groupId: ValueForm<number> = {
  read: (value) => (value === '-1' ? -1 : integer(value, 0, 2_147_483_647)),
  expected: 'a group id of 0 or more, or -1 for none',
};

export const boolean: ValueForm<boolean> = {
  read: (value) => ({ true: true, false: false })[value],
  expected: 'true or false',
};

export const notBoolean: ValueForm<boolean> = {
  read: (value) => ({ true: false, false: true })[value],
  expected: 'true or false',
};

export const enabled: ValueForm<boolean> = {
  read: (value) => ({ enabled: true, disabled: false, true: true, false: false })[value],
  expected: 'enabled or disabled',
};

export function oneOf<T extends string>(...choices: readonly T[]): ValueForm<T> {
  return { read: (value) => choices.find((choice) => choice === value), expected: `one of ${choices.join(', ')}` };
}

/** Log directives as tracing-subscriber reads them: `warn,linkerd=info,[{headers}]=off`. */
export const logFilter: ValueForm<string> = {
  read: (value) =>
    splitList(value).every((part) => /^([\w:[\]{}-]+=)?(trace|debug|info|warn|error|off)$/i.test(part)) && value !== ''
      ? value
      : undefined,
  expected: 'log directives such as warn,linkerd=info, with levels trace, debug, info, warn, error, off',
};

export const envList: ValueForm<EnvVar[]> = {
  read: (value) => {
    try {
      const list: unknown = JSON.parse(value);
      return Array.isArray(list) && list.every(isEnvVar) ? list : undefined;
    } catch {
      return undefined; // reported by the caller, with the value and what it should be
    }
  },
  expected: 'a JSON list of environment variables such as [{"name":"A","value":"b"}]',
};

const isEnvVar = (entry: unknown): entry is EnvVar =>
  isRecord(entry) &&
  typeof entry.name === 'string' &&
  /^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(entry.name) &&
  (entry.value === undefined || typeof entry.value === 'string') &&
  (entry.value === undefined) !== (entry.valueFrom === undefined);

const splitList = (value: string): string[] =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

function integer(value: string, least: number, most: number): number | undefined {
  const number = Number(value);
  return /^\d{1,10}$/.test(value) && number >= least && number <= most ? number : undefined;
}

/** Go's time.ParseDuration without signs, to whole milliseconds. */
export function readDurationMs(value: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(value)) return undefined;
  const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  let total = 0;
  for (const [, number, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) total += Number(number) * unitMs[unit];
  return Math.round(total);
}

function wholeSeconds(value: string): number | undefined {
  const ms = readDurationMs(value);
  return ms !== undefined && ms % 1000 === 0 ? ms / 1000 : undefined;
}

export function isCidr(value: string): boolean {
  const [address, length, rest] = value.split('/');
  if (length === undefined || rest !== undefined || !/^\d{1,3}$/.test(length)) return false;
  if (address.includes(':')) return Number(length) <= 128 && isIpv6(address);
  return (
    Number(length) <= 32 && /^(\d{1,3}\.){3}\d{1,3}$/.test(address) && address.split('.').every((n) => Number(n) <= 255)
  );
}

function isIpv6(address: string): boolean {
  const halves = address.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return false;
  return halves.length === 2 ? groups.length < 8 : groups.length === 8;
}
