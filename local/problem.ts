/** Something in the manifests that cannot be run as it says; the rest runs. */
export interface LocalProblem {
  /** `emojivoto/deployment/web` */
  readonly object: string;
  /** `spec.template.spec.containers[0].command`; empty when it is the object as a whole. */
  readonly field: string;
  /** What is wrong, and what to do. */
  readonly message: string;
}

export function formatProblem({ object, field, message }: LocalProblem): string {
  return [object, field, message].filter((part) => part !== '').join(': ');
}
