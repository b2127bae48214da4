import type { Entry, ManifestModel } from './manifest-model.ts';

/** An error cannot work as it is written; a warning works, and is hardly meant, or hangs on what is not at hand. */
export type Severity = 'error' | 'warning';

/** Something that is wrong with an object, and what to do. */
export interface Finding<E extends Entry = Entry> {
  /** Name of the rule that it breaks: `never-matched`. */
  readonly rule: string;
  readonly severity: Severity;
  readonly at: E;
  /** Path within the object, `spec.rules[0].backendRefs[1].port`; '' for all of it. */
  readonly field: string;
  readonly message: string;
  readonly fix: string;
}

/** What must hold of manifests that are applied together, beyond what the schemas of their kinds say. */
export interface Rule {
  readonly id: string;
  check<E extends Entry>(model: ManifestModel<E>): Iterable<Omit<Finding<E>, 'rule'>>;
}

/** A finding in one line, without its object. */
export const lineOf = ({ field, message, fix }: Finding): string =>
  `${field === '' ? '' : `${field} `}${message}: ${fix}`;
