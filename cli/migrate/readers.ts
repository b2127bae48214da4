import { subnetList } from '../../lib/contract/cidr.ts';
import { goDurationMs } from '../../lib/contract/durations.ts';
import { inboundPolicies } from '../../lib/contract/inbound-policies.ts';
import { portList } from '../../lib/contract/port-list.ts';
import { call, type Expression, list, literal } from './expression.ts';

/** Reads a setting as Linkerd writes it; undefined when it cannot be said by a prop. */
export type Reader = (text: string) => Expression | undefined;

/** More are a range that a typed list of ports is not made for. */
const maxPorts = 200;

export const text: Reader = (value) => literal(value);

export const yes: Reader = (value) => (value === 'true' || value === 'false' ? literal(value === 'true') : undefined);

/** `true` where the setting has this word, `false` where it has the other. */
export const word =
  (on: string, off: string): Reader =>
  (value) =>
    value === on || value === off ? literal(value === on) : undefined;

export const count: Reader = (value) => (/^-?\d{1,9}$/.test(value) ? literal(Number(value)) : undefined);

export const ratio: Reader = (value) => (Number(value) > 0 && Number(value) < 1 ? literal(Number(value)) : undefined);

export const ports: Reader = (value) => {
  const entries = portList.read(value);
  if (entries === undefined) return undefined;
  const all = entries.flatMap((entry) =>
    'name' in entry ? [] : Array.from({ length: entry.to - entry.from + 1 }, (_, index) => entry.from + index),
  );
  return all.length > maxPorts ? undefined : list(all.map(literal));
};

export const networks: Reader = (value) => {
  const found = subnetList.read(value);
  return found === undefined ? undefined : list(found.map(literal));
};

/** In the largest unit that has it whole. */
export const duration: Reader = (value) => {
  const ms = goDurationMs.read(value);
  return ms === undefined || ms < 0 || !Number.isInteger(ms) ? undefined : durationOf(ms);
};

export const seconds: Reader = (value) => (/^\d{1,9}$/.test(value) ? durationOf(Number(value) * 1000) : undefined);

function durationOf(ms: number): Expression {
  const units = [
    ['hours', 3_600_000],
    ['minutes', 60_000],
    ['seconds', 1000],
  ] as const;
  const [unit, size] = units.find(([, each]) => ms >= each && ms % each === 0) ?? (['millis', 1] as const);
  return call('Duration', unit, literal(ms / size));
}

/** CPU as Kubernetes has it (`100m`, `0.5`, `2`), in thousandths of a core. */
export const cpu: Reader = (value) => {
  const millis = value.endsWith('m') ? Number(value.slice(0, -1)) : Number(value) * 1000;
  return /^\d+(\.\d+)?m?$/.test(value) && Number.isInteger(millis) ? literal(millis) : undefined;
};

/** Bytes as Kubernetes has them. What is no number of KiB (`1G`) cannot be said. */
export const bytes: Reader = (value) => {
  const [, amount, unit] = /^(\d+)(Ki|Mi|Gi)$/.exec(value) ?? [];
  const factories: Readonly<Record<string, string>> = { Ki: 'kibibytes', Mi: 'mebibytes', Gi: 'gibibytes' };
  return amount === undefined ? undefined : call('Size', factories[unit], literal(Number(amount)));
};

export const inboundPolicy: Reader = (value) =>
  inboundPolicies.some((known) => known === value) ? call('InboundPolicy', camelCase(value)) : undefined;

export const accessLog: Reader = (value) =>
  ['off', 'apache', 'json'].includes(value) ? call('AccessLog', value) : undefined;

export const pullPolicy: Reader = (value) => {
  const factories: Readonly<Record<string, string>> = {
    Always: 'always',
    IfNotPresent: 'ifNotPresent',
    Never: 'never',
  };
  return value in factories ? call('PullPolicy', factories[value]) : undefined;
};

export const logLevel: Reader = (value) =>
  ['fatal', 'error', 'warn', 'info', 'debug'].includes(value) ? call('LogLevel', value) : undefined;

/** A JSON list of variables that have values of their own. */
export const environment: Reader = (value) => {
  let entries: unknown;
  try {
    entries = JSON.parse(value);
  } catch {
    return undefined;
  }
  if (!Array.isArray(entries) || !entries.every(isPlain)) return undefined;
  return { kind: 'object', fields: new Map(entries.map((entry) => [entry.name, literal(entry.value)])) };
};

const isPlain = (entry: unknown): entry is { name: string; value: string } =>
  typeof Object(entry).name === 'string' &&
  typeof Object(entry).value === 'string' &&
  Object.keys(Object(entry)).length === 2;

const camelCase = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
