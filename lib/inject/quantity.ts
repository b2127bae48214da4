import { longest } from '../contract/form.ts';

const factors: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A Kubernetes quantity as a number, near enough to compare two; undefined when it is none. */
export function quantityValue(text: string): number | undefined {
  if (text.length > longest.number) return undefined;
  const match = /^(\d+(?:\.\d*)?|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE](\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, amount, suffix = '', exponent = '0'] = match;
  return Number(amount) * factors[suffix] * 10 ** Number(exponent);
}
