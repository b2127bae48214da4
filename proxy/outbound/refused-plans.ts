import { Unusable } from '../backend/unusable.ts';
import { plainPlan, type RoutePlan } from '../exchange/plan.ts';
import { failures, type ProxyFailure } from '../exchange/proxy-failure.ts';

/** What becomes of requests that no rule is for. */
export const noRoute = plainPlan(new Unusable(failures.noRoute));

/** What becomes of requests that policy forbids. */
export const forbidden = plainPlan(new Unusable(failures.forbidden));

/** Why the requests of a plan go nowhere; undefined when they may. */
export function refusal(plan: RoutePlan): ProxyFailure | undefined {
  if (plan === noRoute) return failures.noRoute;
  return plan === forbidden || plan.filters?.failAll === true ? failures.forbidden : undefined;
}
