import type { AdmissionHandler } from './webhook-server.ts';

/** What is wrong with an object, each with the path of its field; none when it may be stored. */
export type Validate = (object: unknown, namespace: string) => readonly string[];

/** An answer should be read by people. */
const maxProblems = 20;

/** Refuses objects that could not take effect, and names all that is wrong with them. */
export function validator(validate: Validate): AdmissionHandler {
  return ({ operation, object, namespace }) => {
    if (object === undefined || (operation !== 'CREATE' && operation !== 'UPDATE')) return { allowed: true };
    // An object that is on its way out is only freed of its finalizers, and must not be held by what is wrong with it.
    if (isBeingDeleted(object)) return { allowed: true };
    const problems = validate(object, namespace);
    if (problems.length === 0) return { allowed: true };
    const told = problems.slice(0, maxProblems);
    const more = problems.length - told.length;
    return { allowed: false, message: [...told, ...(more > 0 ? [`and ${more} more`] : [])].join('; ') };
  };
}

function isBeingDeleted({ metadata }: Readonly<Record<string, unknown>>): boolean {
  return (
    typeof metadata === 'object' &&
    metadata !== null &&
    Boolean((metadata as Record<string, unknown>)['deletionTimestamp'])
  );
}
