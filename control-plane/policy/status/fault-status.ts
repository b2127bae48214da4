import type { RouteCondition } from '../../../lib/kinds/route-object.ts';
import type { IndexedFault } from '../index/fault-index.ts';
import { timestamp } from './route-status.ts';

/** A message may have 32,768 characters; what is wrong with an object is seldom told in more. */
const maxMessage = 2048;

/**
 * The status that a FaultInjection is to have, or undefined when it has it already: `Accepted`, or why all requests of rules
 * that name it fail.
 */
export function faultStatus(
  { object, problem }: IndexedFault,
  now: Date,
): { readonly conditions: readonly RouteCondition[] } | undefined {
  const wanted =
    problem === undefined
      ? { status: 'True', reason: 'Accepted', message: '' }
      : { status: 'False', reason: 'Invalid', message: problem.slice(0, maxMessage) };
  const [told, ...others] = object.status?.conditions ?? [];
  const isSame =
    others.length === 0 &&
    told?.type === 'Accepted' &&
    told.status === wanted.status &&
    told.reason === wanted.reason &&
    (told.message ?? '') === wanted.message;
  return isSame ? undefined : { conditions: [{ type: 'Accepted', ...wanted, lastTransitionTime: timestamp(now) }] };
}
