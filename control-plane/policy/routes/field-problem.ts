/** What is wrong with a part of a rule: the validator refuses it, and the status of the route tells it. */
export interface FieldProblem {
  /** Below the part; empty for the whole of it. */
  readonly field: string;
  readonly must: string;
  readonly value?: string;
}

/** The field from the top of the object, where the part is at `path`. */
export const fieldAt = (path: string, { field }: FieldProblem): string => (field === '' ? path : `${path}.${field}`);
