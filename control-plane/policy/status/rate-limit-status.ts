import type { HttpLocalRateLimitPolicy, RateLimitStatus } from '../../../lib/kinds/http-local-rate-limit-policy.ts';
import { type RateLimitIndex, targetServer } from '../index/rate-limit-index.ts';
import { timestamp } from './route-status.ts';

/** What of the cluster decides whether a rate limit holds. */
export interface RateLimitLookup {
  hasServer(key: string): boolean;
  readonly rateLimits: Pick<RateLimitIndex, 'of'>;
}

/**
 * The status that a rate limit is to have, or undefined when it has it already: `Accepted`, with the reasons of Linkerd
 * (linkerd2 policy-controller/k8s/status/src/index.rs). A condition that did not change keeps its time.
 */
export function rateLimitStatus(
  policy: HttpLocalRateLimitPolicy,
  lookup: RateLimitLookup,
  now: Date,
): RateLimitStatus | undefined {
  const [reason, message] = acceptance(policy, lookup);
  const condition = { type: 'Accepted', status: reason === 'Accepted' ? 'True' : 'False', reason, message };
  const { conditions = [], targetRef: told } = policy.status ?? {};
  const { group, kind, name } = policy.spec.targetRef;
  const targetRef = { ...(group === undefined ? {} : { group }), kind, name };
  const isSame =
    conditions.length === 1 &&
    conditions[0].type === condition.type &&
    conditions[0].status === condition.status &&
    conditions[0].reason === reason &&
    (conditions[0].message ?? '') === message &&
    told?.group === targetRef.group &&
    told?.kind === kind &&
    told.name === name;
  return isSame ? undefined : { conditions: [{ ...condition, lastTransitionTime: timestamp(now) }], targetRef };
}

function acceptance(policy: HttpLocalRateLimitPolicy, lookup: RateLimitLookup): [reason: string, message: string] {
  const server = targetServer(policy);
  if (server === undefined) return ['InvalidKind', 'spec.targetRef must name a Server of policy.linkerd.io'];
  if (!lookup.hasServer(server)) {
    return ['NoMatchingTarget', `there is no Server ${policy.spec.targetRef.name} in the policy's namespace`];
  }
  const [holds] = lookup.rateLimits.of(server);
  if (holds === policy) return ['Accepted', ''];
  const { name } = holds.metadata;
  return [
    'RateLimitReasonAlreadyExists',
    `the older policy ${name} holds for the Server ${policy.spec.targetRef.name}`,
  ];
}
