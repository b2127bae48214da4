import { backendsAnnotation, traceSampleRateAnnotation } from '../../../lib/contract/annotations.ts';
import { goDurationMs } from '../../../lib/contract/durations.ts';
import { orderOfBytesProblem, trafficSettings } from '../../../lib/contract/traffic-annotations.ts';
import type { FailoverSettings, Retry, StatusRange, TrafficSettings } from '../../../lib/contract/traffic-settings.ts';
import type { KubernetesObject } from '../../../lib/kinds/kubernetes-object.ts';
import type {
  BackendRef,
  BytesRoute,
  GrpcRoute,
  HttpRoute,
  RouteFilter,
  RouteRule,
} from '../../../lib/kinds/route-object.ts';
import { type FieldProblem, fieldAt } from './field-problem.ts';
import { type FilterInit, failedFilter, grpcFilter, httpFilter } from './filters.ts';
import {
  type GrpcMatchInit,
  grpcMatch,
  type HostMatchInit,
  type HttpMatchInit,
  hostMatch,
  httpMatch,
  type SniMatchInit,
  sniMatch,
  UnsupportedRoute,
} from './matches.ts';
import { retryOf, retryProblems } from './retries.ts';
import { type SessionInit, sessionProblems, sessionToApi } from './sessions.ts';

export interface Rule<Match> {
  /** Any of them; none fits every request. */
  readonly matches: readonly Match[];
  readonly filters: readonly FilterInit[];
  readonly backendRefs: readonly BackendRef[];
  /** Undefined for no limit. */
  readonly requestTimeoutMs: number | undefined;
  readonly backendTimeoutMs: number | undefined;
  /** How clients stay with the endpoint that has answered them; undefined where they do not. */
  readonly session: SessionInit | undefined;
  /** By its own word; undefined for what holds for its route. */
  readonly retry: Retry<StatusRange> | undefined;
}

interface RequestRules<Match> {
  readonly hosts: readonly HostMatchInit[];
  readonly settings: TrafficSettings;
  readonly rules: readonly Rule<Match>[];
}

/** Of connections that nobody looks into. */
interface BytesRules {
  /** The names that TLS clients ask for; every one, when there is none. */
  readonly snis: readonly SniMatchInit[];
  /** Exactly one. */
  readonly rules: readonly Pick<Rule<unknown>, 'backendRefs'>[];
}

/** What a route says, read once for all that are told of it. */
export type RouteRules = {
  /**
   * What of it cannot hold, with its field: the requests of a rule that cannot be served fail, the others are served; those
   * of a route that does not say which of them are traced are traced as those of others, and those of sessions that cannot be
   * kept go by load.
   */
  readonly problems: readonly string[];
} & (
  | ({ readonly protocol: 'http' } & RequestRules<HttpMatchInit>)
  | ({ readonly protocol: 'grpc' } & RequestRules<GrpcMatchInit>)
  | ({ readonly protocol: 'tls' | 'tcp' } & BytesRules)
);

/** The default of its definition; the other HTTPRoute has none. */
const gatewayRedirectStatus = 302;

/** Throws UnsupportedRoute. */
export function httpRouteRules(route: HttpRoute): RouteRules {
  // Those are the defaults of its definition, which manifests that never saw an API server lack.
  const { rules = [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }] } = route.spec;
  const { lesser, ...read } = common(route, route.spec.hostnames);
  const problems: string[] = [];
  const redirectStatus = route.apiVersion.startsWith('gateway.networking.k8s.io/') ? gatewayRedirectStatus : 0;
  return {
    ...read,
    protocol: 'http',
    rules: rules.map((each, at) => {
      const hasPrefixes = (each.matches ?? []).every(({ path }) => (path?.type ?? 'PathPrefix') === 'PathPrefix');
      const filters = readFilters(each, `spec.rules[${at}]`, problems, (filter) =>
        httpFilter(filter, { hasPrefixes, redirectStatus }),
      );
      const own = { session: readSession(route, at, problems), retry: readRetry(each, at, problems) };
      return rule(each, httpMatch, filters, own);
    }),
    problems: [...problems, ...lesser],
  };
}

/** Throws UnsupportedRoute. */
export function grpcRouteRules(route: GrpcRoute): RouteRules {
  const { rules = [{}] } = route.spec;
  const { lesser, ...read } = common(route, route.spec.hostnames);
  const problems: string[] = [];
  return {
    ...read,
    protocol: 'grpc',
    rules: rules.map((each, at) => {
      const filters = readFilters(each, `spec.rules[${at}]`, problems, grpcFilter);
      return rule(each, grpcMatch, filters, { session: readSession(route, at, problems), retry: undefined });
    }),
    problems: [...problems, ...lesser],
  };
}

/** Throws UnsupportedRoute. */
export function bytesRouteRules({ metadata, spec }: BytesRoute, protocol: 'tls' | 'tcp'): RouteRules {
  const { rules, hostnames = [] } = spec;
  const problem = orderOfBytesProblem(metadata.annotations);
  if (problem !== undefined) throw new UnsupportedRoute(`the annotation ${backendsAnnotation} ${problem}`);
  if (rules.length !== 1) throw new UnsupportedRoute(`it must have exactly one rule, and has ${rules.length}`);
  return {
    protocol,
    snis: protocol === 'tls' ? hostnames.map(sniMatch) : [],
    rules: rules.map(({ backendRefs = [] }) => ({ backendRefs })),
    problems: [],
  };
}

/** `lesser` are problems with which no request fails: they are told behind those with which some do. */
function common({ metadata }: KubernetesObject, hostnames: readonly string[] = []) {
  const lesser: string[] = [];
  const settings = trafficSettings(metadata.annotations, (annotation, value, must) => {
    const problem = `the annotation ${annotation} (${value}) ${must}`;
    if (annotation !== traceSampleRateAnnotation) throw new UnsupportedRoute(problem);
    lesser.push(problem);
  });
  return { hosts: hostnames.map(hostMatch), settings, lesser };
}

/** Whether the backends of a route are in order of preference. */
export const failoverOf = (rules: RouteRules | undefined): FailoverSettings | undefined =>
  rules !== undefined && 'settings' in rules ? rules.settings.failover : undefined;

/** A filter that cannot be served fails the requests of its rule, and no others. */
function readFilters(
  { filters }: RouteRule<unknown>,
  path: string,
  problems: string[],
  read: (filter: RouteFilter) => FilterInit,
): FilterInit[] {
  return (filters ?? []).map((filter, at) => {
    try {
      return read(filter);
    } catch (error) {
      if (!(error instanceof UnsupportedRoute)) throw error;
      problems.push(`${path}.filters[${at}]: ${error.message}`);
      return failedFilter(error.message);
    }
  });
}

/** Undefined where the rule keeps none, and where it cannot: what shuts nothing out fails nobody. */
function readSession({ kind, metadata, spec }: HttpRoute | GrpcRoute, at: number, problems: string[]) {
  const { sessionPersistence, matches = [] } = spec.rules?.[at] ?? {};
  if (sessionPersistence == null) return undefined;
  if (tell(sessionProblems(sessionPersistence), `spec.rules[${at}].sessionPersistence`, problems)) return undefined;
  return sessionToApi(sessionPersistence, `${kind}/${metadata.namespace}/${metadata.name}/${at}`, matches);
}

/** What cannot be read holds as if nobody had said it: requests are tried again as the route has it. */
function readRetry({ retry }: RouteRule<unknown>, at: number, problems: string[]) {
  if (retry == null) return undefined;
  return tell(retryProblems(retry), `spec.rules[${at}].retry`, problems) ? undefined : retryOf(retry);
}

/** Whether there are any. */
function tell(found: readonly FieldProblem[], path: string, problems: string[]): boolean {
  for (const problem of found) problems.push(`${fieldAt(path, problem)} ${problem.must}`);
  return found.length > 0;
}

function rule<From, To>(
  source: RouteRule<From>,
  match: (from: From) => To,
  filters: readonly FilterInit[],
  own: Pick<Rule<To>, 'session' | 'retry'>,
): Rule<To> {
  return {
    matches: (source.matches ?? []).map(match),
    filters,
    backendRefs: source.backendRefs ?? [],
    requestTimeoutMs: timeout(source.timeouts?.request),
    backendTimeoutMs: timeout(source.timeouts?.backendRequest),
    ...own,
  };
}

/** 0 is no limit (GEP-1742). */
function timeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = goDurationMs.read(text);
  if (ms === undefined || ms < 0) throw new UnsupportedRoute(`the timeout ${text} is no duration`);
  return ms === 0 ? undefined : ms;
}
