import type { Backend } from '../backend/backend.ts';
import { CountedSender } from '../backend/counted.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { RoutePlan } from '../exchange/plan.ts';
import type { ResourceLabels } from '../policy/labels.ts';
import type { OverrideTarget } from '../policy/outbound/model.ts';
import { overrideIn, overridesOf } from '../route/request-override.ts';

/** What became of what a request asked for: it names a Service that it may have, one that it may not, or nothing at all. */
export type OverrideDecision = 'allowed' | 'not_allowed' | 'malformed';

export interface OverridesOptions {
  /** What policy calls the target. */
  readonly target: ResourceLabels;
  /** What requests may ask for in its place. */
  readonly allowed: readonly OverrideTarget[];
  /** Who balances over one of them. */
  readonly backendOf: (allowed: OverrideTarget) => Backend;
  /** Counts what was decided; `to` is undefined where nothing is asked for that may be had. */
  readonly count: (decision: OverrideDecision, to: OverrideTarget | undefined) => void;
}

/**
 * Requests to one target that ask for another Service in its place. It has them as a plain backend: with filters, timeouts
 * and retries of the rule that they match, where its tries are counted, too, and none of its own.
 */
export class Overrides {
  private readonly options: OverridesOptions;
  private readonly service: string;
  private readonly allowed: ReadonlyMap<string, OverrideTarget>;
  /** By what is asked for, and by the plan of the rule. Made when the first such request comes. */
  private readonly plans = new Map<OverrideTarget, WeakMap<RoutePlan, RoutePlan>>();

  constructor(options: OverridesOptions) {
    const { target, allowed } = options;
    this.options = options;
    this.service = `${target.name}.${target.namespace}`;
    this.allowed = new Map(allowed.map((each) => [nameOf(each), each]));
  }

  /** The plan of a request with baggage, which goes by `plan` unless it asks for something else and may have it. */
  planOf({ outgoing }: Exchange, plan: RoutePlan): RoutePlan {
    const { count } = this.options;
    const value = overrideIn(outgoing.fields);
    if (value === undefined) return plan;
    const asked = overridesOf(value);
    if (asked === undefined) {
      count('malformed', undefined);
      return plan;
    }
    const name = asked.get(this.service);
    if (name === undefined) return plan;
    const to = this.allowed.get(name);
    if (to === undefined) {
      count('not_allowed', undefined);
      return plan;
    }
    count('allowed', to);
    return this.overridden(plan, to);
  }

  private overridden(plan: RoutePlan, to: OverrideTarget): RoutePlan {
    let plans = this.plans.get(to);
    if (plans === undefined) {
      plans = new WeakMap();
      this.plans.set(to, plans);
    }
    let overridden = plans.get(plan);
    if (overridden === undefined) {
      const { counts, elsewhere, tries, filters, open, traceSampleRate } = plan;
      const backend = this.options.backendOf(to);
      const decided = plan.decided ?? { route: undefined, parent: this.options.target, authorization: undefined };
      overridden = Object.freeze<RoutePlan>({
        sender: elsewhere === undefined ? backend : new CountedSender(backend, elsewhere(to.labels)),
        decided: { ...decided, override: nameOf(to) },
        counts,
        elsewhere,
        tries,
        filters,
        open,
        traceSampleRate,
        classify: (status, grpc, error) => plan.classify(status, grpc, error),
      });
      plans.set(plan, overridden);
    }
    return overridden;
  }
}

/** As requests ask for it. */
const nameOf = ({ labels: { name, namespace } }: OverrideTarget): string => `${name}.${namespace}`;
