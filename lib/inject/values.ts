import { durationMs } from '../contract/durations.ts';
import { type Form, longest } from '../contract/form.ts';
import { type EnvVar, isRecord } from './kubernetes.ts';

export const text: Form<string> = {
  read: (value) => (value.length > longest.text ? undefined : value.trim() || undefined),
  expected: 'a non-empty text',
};

export const port: Form<number> = {
  read: (value) => integer(value, 1, 65_535),
  expected: 'a port from 1 to 65535',
};

/** `96Mi`, `1.5Gi`, `1e9` (apimachinery's resource.Quantity, without signs). */
export const quantity: Form<string> = {
  read: (value) =>
    value.length <= longest.number && /^(\d+(?:\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE]\d+)?$/.test(value)
      ? value
      : undefined,
  expected: 'a Kubernetes quantity such as 96Mi or 1.5Gi',
};

/** Cores: `2`, `0.5` or thousandths, `500m`. */
export const cpu: Form<string> = {
  read: (value) =>
    value.length <= longest.number && /^(\d+(\.\d{1,3})?|\d+m)$/.test(value) && !/^[0.]+m?$/.test(value)
      ? value
      : undefined,
  expected: 'a CPU quantity such as 100m or 1.5',
};

/** Where datagrams go: `node` is the host of the pod. */
export const statsdAddress: Form<string> = {
  read: (value) =>
    value.length <= longest.text && /^(unix:\/\S{1,105}|(\[[\da-fA-F:.]+\]|[\w.-]+):\d{1,5})$/.test(value)
      ? value
      : undefined,
  expected: 'host:port, node:port or unix:/path, such as statsd.monitoring:8125',
};

export const ratio: Form<number> = {
  read: (value) => {
    const number = value.length > longest.number ? Number.NaN : Number(value);
    return value.trim() !== '' && number > 0 && number < 1 ? number : undefined;
  },
  expected: 'a number between 0 and 1 such as 0.25',
};

export const seconds: Form<number> = {
  read: (value) => integer(value, 0, 86_400) ?? wholeSeconds(value),
  expected: 'whole seconds such as 30 or 30s',
};

export const userId: Form<number> = {
  read: (value) => integer(value, 1, 2_147_483_647),
  expected: 'a user id of 1 or more: the proxy does not run as root',
};

export const groupId: Form<number> = {
  read: (value) => (value === '-1' ? -1 : integer(value, 0, 2_147_483_647)),
  expected: 'a group id of 0 or more, or -1 for none',
};

/** The words that stand for a value. */
const words = (meanings: Readonly<Record<string, boolean>>) => {
  const known = new Map(Object.entries(meanings));
  return (value: string): boolean | undefined => known.get(value);
};

export const boolean: Form<boolean> = {
  read: words({ true: true, false: false }),
  expected: 'true or false',
};

export const notBoolean: Form<boolean> = {
  read: words({ true: false, false: true }),
  expected: 'true or false',
};

export const enabled: Form<boolean> = {
  read: words({ enabled: true, disabled: false, true: true, false: false }),
  expected: 'enabled or disabled',
};

export function oneOf<T extends string>(...choices: readonly T[]): Form<T> {
  return { read: (value) => choices.find((choice) => choice === value), expected: `one of ${choices.join(', ')}` };
}

/** Log directives as tracing-subscriber reads them: `warn,linkerd=info,[{headers}]=off`. */
export const logFilter: Form<string> = {
  read: (value) =>
    value.length <= longest.text &&
    splitList(value).every((part) => /^([\w:[\]{}-]+=)?(trace|debug|info|warn|error|off)$/i.test(part)) &&
    value !== ''
      ? value
      : undefined,
  expected: 'log directives such as warn,linkerd=info, with levels trace, debug, info, warn, error, off',
};

export const envList: Form<EnvVar[]> = {
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

function wholeSeconds(value: string): number | undefined {
  const ms = durationMs.read(value);
  return ms !== undefined && ms % 1000 === 0 ? ms / 1000 : undefined;
}
