import { profileOf } from '../control-plane/destination/profiles.ts';
import { InvalidTarget, parseTarget, type Target } from '../control-plane/destination/target.ts';
import type { PolicyContext } from '../control-plane/policy/context.ts';
import { outboundPolicy } from '../control-plane/policy/outbound/outbound-policy.ts';
import type { Service } from '../lib/kinds/service.ts';
import { targetName } from '../proxy/discovery/addresses.ts';
import { Answer } from '../proxy/filter/filter.ts';
import { outboundPolicyFromApi } from '../proxy/policy/outbound/from-api.ts';
import type { Destination, Distribution, OutboundPolicy, OutboundRule } from '../proxy/policy/outbound/model.ts';
import { ProfileRoutes } from '../proxy/route/profile-routes.ts';
import { overrideIn, overridesOf } from '../proxy/route/request-override.ts';
import { formatHostPort } from '../proxy/wire/ip-network.ts';
import type { RequestHead } from '../proxy/wire/stream.ts';
import type { Connection } from './call.ts';
import type { Departure } from './departure.ts';
import { routeNameOf } from './names.ts';
import type { Workload } from './workload.ts';

/** A place that a share of the calls is sent to. */
export interface OutboundPlace {
  /** Undefined for one that is not there: calls fail with 500. */
  readonly target: Target | undefined;
  readonly share: number;
  /** As the rule has it, with what filters of the rule and the backend made of it. */
  readonly head: RequestHead;
  readonly timeoutMs: number | undefined;
}

/** How a caller's sidecar sends a request. */
export interface OutboundDecision {
  /** Undefined for a host that is outside of the cluster. */
  readonly target: Target | undefined;
  /** The route by which it goes: `HTTPRoute shop/orders`, `ServiceProfile shop/orders: list`. */
  readonly rule: string | undefined;
  readonly places: readonly OutboundPlace[];
  readonly timeoutMs: number | undefined;
  readonly retries: number;
  /** What the sidecar answers by itself, with why. */
  readonly answer: { readonly status: number; readonly why: string } | undefined;
  /** Its connections are passed on as bytes. */
  readonly opaque: boolean;
  /** With what filters of its rule made of it; undefined where none did. */
  readonly filtered?: RequestHead;
  readonly steps: readonly string[];
}

/** Rules by chance hold when they always do: a fault that hits a share of the calls is not one of this call. */
const notByChance = (): number => 1 - Number.EPSILON;

/** The Service or address that a host means to a client of a namespace; undefined for what is neither. */
export function targetOf(
  host: string,
  port: number,
  namespace: string,
  { cluster, config }: PolicyContext,
): Target | undefined {
  const name = targetName(host, port, namespace, `svc.${config.clusterDomain}`);
  if (name.kind === 'ip') return parseTarget(formatHostPort(host, port), config.clusterDomain);
  return name.candidates
    .map((candidate) => parseTarget(`${candidate}:${port}`, config.clusterDomain))
    .find((target) => target.kind === 'service' && isHere(cluster.services.get(`${target.namespace}/${target.name}`)));
}

/** What an ExternalName stands for is outside. */
const isHere = (service: Service | undefined): boolean =>
  service !== undefined && service.spec?.type !== 'ExternalName';

/** What the sidecar of `from` does with a request; what none has is sent where its name leads. */
export function outboundDecision(
  from: Workload | undefined,
  { target, past, asked }: Departure,
  head: RequestHead,
  grpc: boolean,
  bytes: Connection | undefined,
  context: PolicyContext,
): OutboundDecision {
  const opaque = bytes !== undefined;
  const plain = { target, rule: undefined, timeoutMs: undefined, retries: 0, answer: undefined, opaque };
  const whole: OutboundPlace = { target, share: 1, head, timeoutMs: undefined };
  if (past !== undefined || from === undefined)
    return { ...plain, places: [whole], steps: past === undefined ? [] : [past] };
  if (target === undefined) {
    return { ...plain, places: [whole], steps: ['its host is no Service: it goes where the name leads'] };
  }
  const { profile } = profileOf(target, context.cluster, context.config, from.namespace);
  const { policy: told } = outboundPolicy(target, from.namespace, context);
  const policy = told && outboundPolicyFromApi(told, () => {});
  // Requests go by a profile's routes and splits, connections past them.
  if (bytes === undefined && profile.routes.length + profile.dstOverrides.length > 0)
    return overridden(byProfile(profile, plain, whole, context), policy, head, context);
  if (policy === undefined) return { ...plain, places: [whole], steps: ['nothing is said of where it goes'] };
  if (bytes !== undefined || policy.protocol === 'opaque' || policy.protocol === 'tls' || profile.opaqueProtocol) {
    return connection(policy, bytes, asked && bytes === undefined, plain, whole, context);
  }
  const table = grpc ? policy.http2 : policy.http1;
  const rule = table?.find(head);
  if (rule === undefined) {
    const answer = table === undefined ? undefined : { status: 404, why: 'no rule of its routes fits it' };
    return { ...plain, answer, places: answer === undefined ? [whole] : [], steps: answer ? [answer.why] : [] };
  }
  return overridden(byRule(rule, plain, head, context), policy, head, context);
}

type Plain = Omit<OutboundDecision, 'places' | 'steps'>;

function byProfile(
  profile: ConstructorParameters<typeof ProfileRoutes>[0],
  plain: Plain,
  whole: OutboundPlace,
  context: PolicyContext,
): OutboundDecision {
  const routes = new ProfileRoutes(profile, () => {});
  const route = routes.find(whole.head);
  const total = routes.overrides.reduce((sum, { weight }) => sum + weight, 0);
  const name = route.labels['route'] ?? 'the default one';
  return {
    ...plain,
    rule: `ServiceProfile ${shownTarget(whole.target)}: ${name}`,
    timeoutMs: route.timeoutMs,
    // A profile bounds what is tried again by a share of all calls, not by a number of tries.
    retries: route.isRetryable ? Number.POSITIVE_INFINITY : 0,
    places:
      total === 0
        ? [whole]
        : routes.overrides.map(({ path, weight }) => ({
            ...whole,
            target: placeOf(path, context.config.clusterDomain),
            share: weight / total,
          })),
    steps: [`its Service has a ServiceProfile, whose route ${name} holds`],
  };
}

/** Where an override leads; undefined for one that is no place. */
function placeOf(path: string, clusterDomain: string): Target | undefined {
  try {
    return parseTarget(path, clusterDomain);
  } catch (error) {
    if (!(error instanceof InvalidTarget)) throw error;
    return undefined;
  }
}

/** Undefined for a backend that is not there. */
const targetOfDestination = (destination: Destination | undefined, clusterDomain: string): Target | undefined =>
  destination &&
  parseTarget(
    destination.kind === 'service' ? destination.path : formatHostPort(destination.address, destination.port),
    clusterDomain,
  );

/** `shop/orders` */
const shownTarget = (target: Target | undefined): string =>
  target?.kind === 'service' ? `${target.namespace}/${target.name}` : '';

/** Of bytes, or of requests to what is said to speak no HTTP: who is asked for one as a proxy answers it. */
function connection(
  { connect, protocol, labels }: OutboundPolicy,
  bytes: Connection | undefined,
  answers: boolean,
  plain: Plain,
  whole: OutboundPlace,
  { config }: PolicyContext,
): OutboundDecision {
  const rule = connect?.find(bytes?.serverName);
  const refused = (status: number, why: string): OutboundDecision => ({
    ...decided,
    ...{ answer: { status: answers ? status : 0, why }, places: [], steps: [why] },
  });
  const decided = { ...plain, opaque: true, rule: routeNameOf(rule?.labels, rule?.labels.namespace) };
  if (protocol === 'http1' || protocol === 'http2') {
    return refused(0, 'its port says that it speaks HTTP, and these are other bytes');
  }
  if (connect !== undefined && rule === undefined) return refused(404, 'no rule of its routes fits the connection');
  if (rule?.isForbidden) {
    const isUndefinedPort = rule.labels.name === 'undefined-port';
    const named = `the Service ${labels.namespace}/${labels.name} has no port ${labels.port}`;
    return refused(403, isUndefinedPort ? named : 'its routes forbid it');
  }
  const backends = rule?.backends.filter(({ weight }) => weight > 0) ?? [];
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  const places = backends.map(({ destination, weight }, index) => ({
    ...whole,
    target: targetOfDestination(destination, config.clusterDomain),
    share: rule?.kind === 'first' ? Number(index === 0) : weight / total,
  }));
  return { ...decided, places: places.length === 0 ? [whole] : places, steps: [`its connections are ${protocol}`] };
}

function byRule(rule: OutboundRule, plain: Plain, head: RequestHead, context: PolicyContext): OutboundDecision {
  const { filters, timeouts, retry, labels } = rule;
  const filtered = filters?.applyToRequest(head, notByChance) ?? head;
  const decided: Plain = {
    ...plain,
    rule: routeNameOf(labels, labels.namespace),
    timeoutMs: timeouts?.requestMs,
    retries: retry?.maxRetries ?? 0,
  };
  if (filtered instanceof Answer) {
    const answer = { status: filtered.status, why: `a filter of its route answers ${filtered.status}` };
    return { ...decided, answer, places: [], steps: [answer.why] };
  }
  const places = placesOf(rule.distribution, filtered, context);
  if (places.length === 0) {
    const answer = { status: 500, why: 'its rule has no backend that takes requests' };
    return { ...decided, answer, places, steps: [answer.why] };
  }
  return { ...decided, filtered, places, steps: [] };
}

/** Where the request asks for another Service in place of the one that it calls, and may have that. */
function overridden(
  decision: OutboundDecision,
  policy: OutboundPolicy | undefined,
  head: RequestHead,
  { config }: PolicyContext,
): OutboundDecision {
  const value = overrideIn(head.fields);
  if (policy === undefined || value === undefined || decision.answer !== undefined) return decision;
  const { name, namespace } = policy.labels;
  const asked = overridesOf(value)?.get(`${name}.${namespace}`);
  const to = policy.overrides.find(({ labels }) => `${labels.name}.${labels.namespace}` === asked);
  if (to === undefined) return decision;
  const target = targetOfDestination(to.destination, config.clusterDomain);
  // Filters of the rule hold there, those of its backends do not.
  const filtered = decision.filtered ?? head;
  const place: OutboundPlace = { target, share: 1, head: filtered, timeoutMs: undefined };
  return { ...decision, places: [place], steps: [`its baggage asks for ${asked} in place of it`] };
}

function placesOf({ kind, backends }: Distribution, head: RequestHead, { config }: PolicyContext): OutboundPlace[] {
  const chosen = backends.filter(({ weight }) => weight > 0);
  const total = chosen.reduce((sum, { weight }) => sum + weight, 0);
  return chosen.map(({ destination, weight, filters, timeoutMs }, index) => {
    const filtered = filters?.applyToRequest(head, notByChance) ?? head;
    return {
      target: targetOfDestination(destination, config.clusterDomain),
      // Of those in order of preference the first has all, as long as it is there.
      share: kind === 'random' ? weight / total : Number(index === 0),
      head: filtered instanceof Answer ? head : filtered,
      timeoutMs,
    };
  });
}
