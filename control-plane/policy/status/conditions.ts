import type { RouteCondition } from '../../../lib/kinds/route-object.ts';
import { timestamp } from './route-status.ts';

export interface AcceptedStatus {
  readonly conditions: readonly RouteCondition[];
}

export type Acceptance = readonly [status: 'True' | 'False' | 'Unknown', reason: string, message: string];

/** A message may have 32,768 characters; what is wrong with an object is seldom told in more. */
const maxMessage = 2048;

/**
 * The status of an object that has one condition, `Accepted`; undefined when that is what it has already. A condition that
 * did not change keeps its time.
 */
export function acceptedStatus(
  conditions: readonly RouteCondition[] | undefined,
  [status, reason, text]: Acceptance,
  now: Date,
): AcceptedStatus | undefined {
  const message = text.slice(0, maxMessage);
  const [told, ...others] = conditions ?? [];
  const isSame =
    others.length === 0 &&
    told?.type === 'Accepted' &&
    told.status === status &&
    told.reason === reason &&
    (told.message ?? '') === message;
  if (isSame) return undefined;
  return { conditions: [{ type: 'Accepted', status, reason, message, lastTransitionTime: timestamp(now) }] };
}
