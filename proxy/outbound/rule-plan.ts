import { Affine } from '../backend/affine.ts';
import type { Backend } from '../backend/backend.ts';
import { Counted } from '../backend/counted.ts';
import type { PreferredBackend } from '../backend/failover.ts';
import { Filtered } from '../backend/filtered.ts';
import { type Mirror, Mirrored, MirroredWhenSent } from '../backend/mirror.ts';
import { Persistent, SessionSplit } from '../backend/persistent.ts';
import { Split } from '../backend/split.ts';
import { Timed } from '../backend/timed.ts';
import { askedRetry, askedTimeouts } from '../backend/tries/asked-tries.ts';
import { namedBy, type Retrying } from '../backend/tries/retries.ts';
import { triesOf } from '../backend/tries/rule-tries.ts';
import { Unusable } from '../backend/unusable.ts';
import type { Decided, RoutePlan } from '../exchange/plan.ts';
import { failures } from '../exchange/proxy-failure.ts';
import type { Affinity, SessionKey } from '../model/affinity.ts';
import type { PolicyLabels } from '../model/policy-labels.ts';
import type { RetryRule } from '../model/tries.ts';
import type { ResourceLabels } from '../policy/labels.ts';
import type {
  Distribution,
  FailoverBackends,
  OutboundRule,
  RuleBackend,
  RuleMirror,
} from '../policy/outbound/model.ts';
import { RetryBudget } from '../resilience/retry-budget.ts';
import { classify } from '../telemetry/classify.ts';
import { FieldMark } from '../wire/field.ts';
import type { Named } from './backends.ts';
import type { RuleCounts } from './route-metrics.ts';

export interface RulePlanOptions {
  /** Who balances over what a rule leads to, which policy calls `labels`. */
  readonly backendOf: (named: Named, labels: ResourceLabels) => Backend;
  readonly random: () => number;
  /** What the rule's route is of. */
  readonly parent: PolicyLabels;
  /** What is counted of the rule. */
  readonly counts: RuleCounts;
  /** Where copies that go to a mirror are sent from. */
  readonly mirrorOf: (mirror: RuleMirror, to: Backend) => Mirror;
  /** Who chooses between backends that are in order of preference. */
  readonly failoverOf: (distribution: FailoverBackends, backends: readonly PreferredBackend[]) => Backend;
  /** Where requests stand while they are under way; undefined where nobody asks. */
  readonly open: RoutePlan['open'];
}

/** Nothing beyond the ratio: servers see at most so much more than there are requests. */
const hedgeBudget = { minPerSecond: 0, ttlMs: 10_000 };

/** What is done with the requests of a rule, as a chain of senders. */
export function rulePlan(rule: OutboundRule, options: RulePlanOptions): RoutePlan {
  const decided: Decided = {
    route: rule.labels,
    parent: options.parent,
    authorization: undefined,
    override: undefined,
  };
  const sender = senderOf(rule.distribution, options);
  return Object.freeze<RoutePlan>({
    decided,
    sender: rule.mirrors.length === 0 ? sender : new Mirrored(sender, mirrorsOf(rule.mirrors, options)),
    counts: options.counts.route,
    elsewhere: (labels) => options.counts.backend({ labels }),
    filters: rule.filters,
    tries: triesOfRule(rule, options),
    open: options.open,
    traceSampleRate: rule.traceSampleRate,
    classify,
  });
}

/** As its rule says, unless a request asks for something else, where it may. */
function triesOfRule(rule: OutboundRule, options: RulePlanOptions): RoutePlan['tries'] {
  const { timeouts, retry, hedge, allowsOverrides } = rule;
  const budget = hedge && new RetryBudget({ ratio: hedge.budgetRatio, ...hedgeBudget });
  const triesBy = (said: Pick<OutboundRule, 'timeouts' | 'retry'>): RoutePlan['tries'] => {
    const retrying = said.retry && retryingOf(said.retry, options);
    const hedging = budget && {
      rule: hedge,
      budget,
      counts: options.counts.hedges,
      isRetryable: isRetryableBy(retrying),
    };
    return triesOf({ timeouts: said.timeouts, retrying, hedging });
  };
  const ofRule = triesBy(rule);
  if (!allowsOverrides) return ofRule;
  return (exchange) => {
    const { marks, fields } = exchange.head;
    if ((marks & FieldMark.mesh) === 0) return ofRule?.(exchange);
    const asked = { retry: askedRetry(retry, fields), timeouts: askedTimeouts(timeouts, fields) };
    return triesBy(asked)?.(exchange);
  };
}

const isRetryableBy =
  (retrying: Retrying | undefined): Retrying['isRetryable'] =>
  (status, grpc) =>
    retrying?.isRetryable(status, grpc) ?? false;

function retryingOf(rule: RetryRule, { counts }: RulePlanOptions): Retrying {
  return { rule, budget: undefined, isRetryable: namedBy(rule), counts: counts.retries };
}

/** A backend of a rule, with what is done on the way to it. */
interface Chained {
  readonly rule: RuleBackend;
  readonly backend: Backend;
  readonly weight: number;
  /** What sessions know it by. */
  readonly name: string;
}

function senderOf(distribution: Distribution, options: RulePlanOptions): Backend {
  const names = sessionNames(distribution.backends);
  const chained = distribution.backends.flatMap((rule, at): Chained[] => {
    const { weight } = rule;
    // GEP-1619: one of weight 0 gets nothing new, and keeps the sessions that it has.
    if (weight <= 0 && sessionKeyOf(rule) === undefined) return [];
    return [{ rule, backend: chainOf(rule, names[at], options), weight, name: names[at] }];
  });
  if (distribution.kind === 'random') return splitOf(chained, options);
  if (chained.length <= 1) return chained.at(0)?.backend ?? nobody();
  const { endpoints } = distribution;
  return options.failoverOf(
    distribution,
    chained.map(({ backend }, at) => ({ backend, endpoints: endpoints.at(at) ?? 0 })),
  );
}

// Gateway API (HTTPRouteRule, backendRefs): 500 where there is nothing to send to.
const nobody = (): Backend => new Unusable(failures.backend, 'the rule has no backend that takes requests');

function splitOf(chained: readonly Chained[], { random }: RulePlanOptions): Backend {
  const taking = chained.filter(({ weight }) => weight > 0);
  const byWeight = taking.length > 1 ? new Split(taking, random) : (taking.at(0)?.backend ?? nobody());
  const key = chained.map(({ rule }) => sessionKeyOf(rule)).find((each) => each !== undefined);
  const isOne = chained.length === 1 && taking.length === 1;
  return key === undefined || isOne ? byWeight : new SessionSplit(chained, byWeight, key);
}

/** Undefined where a rule keeps no sessions. */
function sessionKeyOf({ balancing }: RuleBackend): SessionKey | undefined {
  const key = balancing?.affinity?.key;
  return key?.kind === 'session' ? key : undefined;
}

/**
 * What sessions know the backends of a rule by: their objects, and of one that is there several times (with filters of its
 * own, say) also which of them it is, so that sessions outlast a change of order and of weights.
 */
function sessionNames(backends: readonly RuleBackend[]): string[] {
  const seen = new Map<string, number>();
  return backends.map(({ labels: { namespace, name, port } }) => {
    const object = `${namespace}/${name}:${port}`;
    const before = seen.get(object) ?? 0;
    seen.set(object, before + 1);
    return before === 0 ? object : `${object} ${before}`;
  });
}

function chainOf(rule: RuleBackend, name: string, options: RulePlanOptions): Backend {
  const { destination, balancing, filters, mirrors, timeoutMs } = rule;
  const backend =
    destination === undefined
      ? new Unusable(failures.backend)
      : options.backendOf({ destination, balancing }, rule.labels);
  const keyed = keyedBy(balancing?.affinity?.key, backend, name);
  const copied = mirrors.length === 0 ? keyed : new MirroredWhenSent(keyed, mirrorsOf(mirrors, options));
  const filtered = filters === undefined ? copied : new Filtered(copied, filters);
  const timed = timeoutMs === undefined ? filtered : new Timed(filtered, timeoutMs);
  return new Counted(timed, options.counts.backend(rule));
}

function keyedBy(key: Affinity['key'] | undefined, backend: Backend, name: string): Backend {
  if (key === undefined) return backend;
  return key.kind === 'session' ? new Persistent(backend, key, name) : new Affine(backend, key);
}

function mirrorsOf(mirrors: readonly RuleMirror[], { backendOf, mirrorOf }: RulePlanOptions): Mirror[] {
  return mirrors.map((mirror) =>
    mirrorOf(mirror, backendOf({ destination: mirror.destination, balancing: undefined }, mirror.labels)),
  );
}
