import type { Argument, Option } from 'commander';

/** What a shell offers where an argument, or the value of an option, is to be written. */
export interface Offers {
  readonly values: readonly string[];
  /** What stands behind a `=` of some of them, which end with it. */
  readonly assigned?: Readonly<Record<string, readonly string[]>>;
}

const offers = new WeakMap<Argument | Option, Offers>();

/** Has shells offer `values`, of which there may be others too. */
export function offering<T extends Argument | Option>(of: T, values: readonly string[]): T {
  offers.set(of, { values });
  return of;
}

/** Has shells offer names, each with what may stand behind its `=`. One that ends with a dot goes on behind it. */
export function offeringNames<T extends Argument | Option>(
  of: T,
  names: Readonly<Record<string, readonly string[]>>,
): T {
  const values = Object.keys(names).map((name) => (name.endsWith('.') ? name : `${name}=`));
  offers.set(of, { values, assigned: names });
  return of;
}

/** What is offered for it: what was said, else all that it may be. */
export const offersOf = (of: Argument | Option): Offers => offers.get(of) ?? { values: of.argChoices ?? [] };
