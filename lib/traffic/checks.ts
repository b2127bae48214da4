import type { Duration } from 'cdk8s';

/** Fails for a prop that is wrong: its name, its value, and what to do. `rule` follows them (`must ...`). */
export function refuse(name: string, value: unknown, rule: string): never {
  throw new Error(`'${name}' (${value}) ${rule}`);
}

/** Fails where there is a problem. */
export function check(name: string, value: unknown, problem: string | undefined): void {
  if (problem !== undefined) refuse(name, value, problem);
}

/** Fails for what is no whole number between two bounds; undefined stays undefined. */
export function whole(name: string, value: number | undefined, min: number, max: number): number | undefined {
  if (value !== undefined && !(Number.isInteger(value) && value >= min && value <= max)) {
    refuse(name, value, `must be a whole number from ${min} to ${max}`);
  }
  return value;
}

/** A share in percent, fractions too. */
export function percent(name: string, value: number): number {
  if (!(value >= 0 && value <= 100)) refuse(name, value, 'must be a percentage from 0 to 100');
  return value;
}

/** In milliseconds. Fails for none, and for what is longer than `longestMs`. */
export function milliseconds(name: string, value: Duration, longestMs = 99_999 * 3_600_000): number {
  const ms = value.toMilliseconds({ integral: false });
  if (!Number.isInteger(ms) || ms < 1)
    refuse(name, `${ms} ms`, 'must be at least a millisecond, in whole milliseconds');
  if (ms > longestMs) refuse(name, `${ms} ms`, `must not be longer than ${longestMs} ms`);
  return ms;
}

/** As annotations about traffic have durations: one number and one unit. */
export const annotationDuration = (name: string, value: Duration): string => {
  const ms = milliseconds(name, value);
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
};

/** As the Gateway API has durations: five digits at most before each unit (GEP-2257). */
export function routeDuration(name: string, value: Duration, longestMs?: number): string {
  const ms = milliseconds(name, value, longestMs);
  if (ms <= 99_999 && ms % 1000 !== 0) return `${ms}ms`;
  const parts: [number, string][] = [
    [Math.floor(ms / 3_600_000), 'h'],
    [Math.floor(ms / 60_000) % 60, 'm'],
    [Math.floor(ms / 1000) % 60, 's'],
    [ms % 1000, 'ms'],
  ];
  return parts.flatMap(([count, unit]) => (count === 0 ? [] : [`${count}${unit}`])).join('');
}

/** A label of DNS, as Services and namespaces are named. */
export const isLabel = (name: string): boolean => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name);

/** What is set of some fields. */
export const filled = <T extends object>(fields: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)),
  ) as Partial<T>;

/** The same of annotations, as text. */
export const texts = (fields: Readonly<Record<string, string | number | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(filled(fields)).map(([name, value]) => [name, String(value)]));
