import type { Duration } from 'cdk8s';

/** A number of a prop that may be left out. Throws, with name and value, for one that is not within bounds. */
export function numberIn(name: string, value: number | undefined, min: number, max: number): number | undefined {
  // Annotations and objects have numbers in decimals: 1e-7 would be read as something else.
  if (value === undefined || (value >= min && value <= max && /^\d+(\.\d+)?$/.test(String(value)))) return value;
  throw new Error(`'${name}' (${value}) must be a number from ${min} to ${max}`);
}

/** The same of whole numbers. */
export function wholeNumberIn(name: string, value: number | undefined, min: number, max: number): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return value;
  throw new Error(`'${name}' (${value}) must be a whole number from ${min} to ${max}`);
}

/** Of a duration that may be left out. Throws for one that is no whole number of milliseconds. */
export function milliseconds(name: string, value: Duration | undefined): number | undefined {
  const ms = value?.toMilliseconds({ integral: false });
  if (ms === undefined || Number.isSafeInteger(ms)) return ms;
  throw new Error(`'${name}' (${ms}ms) must be a whole number of milliseconds`);
}

/** A whole number from 1 on that may be left out. */
export const numberOf = (name: string, value: number | undefined, max: number): number | undefined =>
  wholeNumberIn(name, value, 1, max);
