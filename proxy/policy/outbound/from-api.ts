import type { GrpcRouteMatch } from '../../../api/gen/grpc_route_pb.js';
import type { HttpRouteMatch } from '../../../api/gen/http_route_pb.js';
import type {
  OutboundPolicy as ApiPolicy,
  Backend,
  FailureAccrual,
  GrpcRoute,
  HttpRoute,
} from '../../../api/gen/outbound_pb.js';
import type { Filters } from '../../filter/filter.ts';
import type { ApiFilter } from '../../filter/from-api.ts';
import { filteredRules } from '../../filter/rules.ts';
import type { BreakerConfig } from '../../resilience/breaker/make-breaker.ts';
import { grpcMatchesFromApi, hostsFromApi, httpMatchesFromApi, type OnUnread } from '../../route/matches-from-api.ts';
import { type RequestMatch, type Route, RouteTable } from '../../route/route-table.ts';
import { type PolicyLabels, resourceLabels } from '../labels.ts';
import { traceRateFromApi } from '../trace-rate.ts';
import { ConnectRoutes } from './connect-routes.ts';
import type { OutboundPolicy, OutboundRule, OverrideTarget } from './model.ts';
import { failureAccrualFromApi } from './resilience-from-api.ts';
import { destinationFromApi, grpcRuleFromApi, httpRuleFromApi, type RuleContext } from './rule-from-api.ts';

/** Told of each match of a route that cannot be read: requests that may fit it have no route. */
export type OnUnreadRoute = (route: PolicyLabels, why: string) => void;

const noRoutes = new RouteTable<OutboundRule>([]);

/** Of one target. */
const mostOverrides = 32;

/** Reads a target's policy from the API. */
export function outboundPolicyFromApi(api: ApiPolicy, onUnread: OnUnreadRoute): OutboundPolicy {
  const labels = resourceLabels(api.metadata);
  const overrides = api.overrideTargets.slice(0, mostOverrides).flatMap(overrideFromApi);
  return { labels, overrides, ...protocolFromApi(api, labels, onUnread) };
}

/** None where it is no Service: nobody could ask for it. */
function overrideFromApi({ metadata, kind }: Backend): OverrideTarget[] {
  const labels = resourceLabels(metadata);
  const destination = destinationFromApi(kind);
  return destination === undefined || labels.namespace === '' ? [] : [{ labels, destination }];
}

function protocolFromApi(
  { protocol }: ApiPolicy,
  labels: PolicyLabels,
  onUnread: OnUnreadRoute,
): Omit<OutboundPolicy, 'labels' | 'overrides'> {
  const kind = protocol?.kind;
  switch (kind?.case) {
    case 'tls':
    case 'opaque': {
      const connect =
        kind.case === 'tls' ? ConnectRoutes.tls(kind.value.routes) : ConnectRoutes.opaque(kind.value.routes);
      return { protocol: kind.case, http1: undefined, http2: undefined, connect };
    }
    case 'http1':
    case 'http2': {
      const routes = httpRoutes(kind.value, labels, onUnread);
      return { protocol: kind.case, http1: routes, http2: routes, connect: undefined };
    }
    case 'grpc': {
      const routes = grpcRoutes(kind.value, labels, onUnread);
      return { protocol: 'http2', http1: routes, http2: routes, connect: undefined };
    }
    default: {
      const { http1, http2, opaque } = kind?.value ?? {};
      return {
        protocol: 'detect',
        http1: httpRoutes(http1 ?? none, labels, onUnread),
        http2: httpRoutes(http2 ?? none, labels, onUnread),
        connect: opaque && ConnectRoutes.opaque(opaque.routes),
      };
    }
  }
}

interface ApiRoutes<Route> {
  readonly routes: readonly Route[];
  readonly failureAccrual?: FailureAccrual;
}
const none: ApiRoutes<never> = { routes: [] };

function httpRoutes(
  { routes, failureAccrual }: ApiRoutes<HttpRoute>,
  target: PolicyLabels,
  onUnread: OnUnreadRoute,
): RouteTable<OutboundRule> {
  const breaker = failureAccrualFromApi(failureAccrual, (why) => onUnread(target, why));
  return tableOf(routes, breaker, httpMatchesFromApi, httpRuleFromApi, onUnread);
}

function grpcRoutes(
  { routes, failureAccrual }: ApiRoutes<GrpcRoute>,
  target: PolicyLabels,
  onUnread: OnUnreadRoute,
): RouteTable<OutboundRule> {
  const breaker = failureAccrualFromApi(failureAccrual, (why) => onUnread(target, why));
  return tableOf(routes, breaker, grpcMatchesFromApi, grpcRuleFromApi, onUnread);
}

type ApiRoute<Rule> = Pick<HttpRoute, 'metadata' | 'hosts' | 'tracing'> & { readonly rules: readonly Rule[] };
type ApiRule<Match> = { readonly matches: readonly Match[]; readonly filters: readonly ApiFilter[] };

function tableOf<Match extends HttpRouteMatch | GrpcRouteMatch, Rule extends ApiRule<Match>>(
  routes: readonly ApiRoute<Rule>[],
  breaker: BreakerConfig | undefined,
  matchesOf: (rules: readonly { readonly matches: readonly Match[] }[], told: OnUnread) => RequestMatch[],
  ruleOf: (rule: Rule, filters: Filters | undefined, context: RuleContext) => OutboundRule,
  onUnreadOf: OnUnreadRoute,
): RouteTable<OutboundRule> {
  if (routes.length === 0) return noRoutes;
  return new RouteTable(
    routes.flatMap(({ metadata, hosts, tracing, rules }): Route<OutboundRule>[] => {
      const labels = resourceLabels(metadata);
      const onUnread = (why: string): void => onUnreadOf(labels, why);
      const read = hostsFromApi(hosts);
      const traceSampleRate = traceRateFromApi(tracing, onUnread);
      return rules.flatMap((rule) =>
        filteredRules<Match>([rule], onUnread).map(({ rules: parts, filters }) => ({
          plan: ruleOf(rule, filters, { labels, breaker, traceSampleRate, onUnread }),
          hosts: read,
          matches: matchesOf(parts, onUnread),
        })),
      );
    }),
  );
}
