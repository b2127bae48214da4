import type { AdmissionHandler } from './webhook-server.ts';

/** What is wrong with an object, each with the path of its field; none when it may be stored. */
export type Validate = (object: unknown, namespace: string) => readonly string[];

/** What to tell who stores an object that is admitted. */
export type Warn = (object: Readonly<Record<string, unknown>>) => readonly string[];

/** An answer should be read by people. */
const maxProblems = 20;

/** Refuses objects that could not take effect, and names all that is wrong with them; of the others `warn` may say more. */
export function validator(validate: Validate, warn: Warn = () => []): AdmissionHandler {
  return ({ operation, object, namespace }) => {
    if (object === undefined || (operation !== 'CREATE' && operation !== 'UPDATE')) return { allowed: true };
    // An object that is on its way out is only freed of its finalizers, and must not be held by what is wrong with it.
    if (isBeingDeleted(object)) return { allowed: true };
    const problems = validate(object, namespace);
    if (problems.length === 0) {
      const warnings = warn(object);
      return warnings.length === 0 ? { allowed: true } : { allowed: true, warnings };
    }
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
