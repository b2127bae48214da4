import type {
  OutboundPolicy as ApiPolicy,
  GrpcRoute,
  GrpcRoute_Rule,
  HttpRoute,
  HttpRoute_Rule,
} from '../../../api/gen/outbound_pb.js';
import { grpcMatchesFromApi, hostsFromApi, httpMatchesFromApi, type OnUnread } from '../../route/matches-from-api.ts';
import { type RequestMatch, type Route, RouteTable } from '../../route/route-table.ts';
import { labelsFromMetadata, type PolicyLabels } from '../labels.ts';
import type { OutboundPolicy, OutboundRule } from './model.ts';
import { grpcRuleFromApi, httpRuleFromApi } from './rule-from-api.ts';

/** Told of each match of a route that cannot be read: requests that may fit it have no route. */
export type OnUnreadRoute = (route: PolicyLabels, why: string) => void;

const noRoutes = new RouteTable<OutboundRule>([]);

/** Reads a target's policy from the API. */
export function outboundPolicyFromApi({ protocol, metadata }: ApiPolicy, onUnread: OnUnreadRoute): OutboundPolicy {
  const kind = protocol?.kind;
  const labels = labelsFromMetadata(metadata);
  switch (kind?.case) {
    // What is told by the name that a TLS client asks for is passed on as it is.
    case 'tls':
    case 'opaque':
      return { protocol: 'opaque', labels, http1: undefined, http2: undefined };
    case 'http1':
    case 'http2': {
      const routes = httpRoutes(kind.value.routes, onUnread);
      return { protocol: kind.case, labels, http1: routes, http2: routes };
    }
    case 'grpc': {
      const routes = grpcRoutes(kind.value.routes, onUnread);
      return { protocol: 'http2', labels, http1: routes, http2: routes };
    }
    default: {
      const { http1, http2 } = kind?.value ?? {};
      return {
        protocol: 'detect',
        labels,
        http1: httpRoutes(http1?.routes ?? [], onUnread),
        http2: httpRoutes(http2?.routes ?? [], onUnread),
      };
    }
  }
}

function httpRoutes(routes: readonly HttpRoute[], onUnread: OnUnreadRoute): RouteTable<OutboundRule> {
  return tableOf(
    routes,
    (rule: HttpRoute_Rule, told) => httpMatchesFromApi([rule], told),
    (labels, rule) => httpRuleFromApi(labels, rule),
    onUnread,
  );
}

function grpcRoutes(routes: readonly GrpcRoute[], onUnread: OnUnreadRoute): RouteTable<OutboundRule> {
  return tableOf(
    routes,
    (rule: GrpcRoute_Rule, told) => grpcMatchesFromApi([rule], told),
    (labels, rule) => grpcRuleFromApi(labels, rule),
    onUnread,
  );
}

type ApiRoute<Rule> = Pick<HttpRoute, 'metadata' | 'hosts'> & { readonly rules: readonly Rule[] };

function tableOf<Rule>(
  routes: readonly ApiRoute<Rule>[],
  matchesOf: (rule: Rule, told: OnUnread) => readonly RequestMatch[],
  ruleOf: (labels: PolicyLabels, rule: Rule) => OutboundRule,
  onUnread: OnUnreadRoute,
): RouteTable<OutboundRule> {
  if (routes.length === 0) return noRoutes;
  return new RouteTable(
    routes.flatMap(({ metadata, hosts, rules }): Route<OutboundRule>[] => {
      const labels = labelsFromMetadata(metadata);
      const read = hostsFromApi(hosts);
      return rules.map((rule) => ({
        plan: ruleOf(labels, rule),
        hosts: read,
        matches: matchesOf(rule, (why) => onUnread(labels, why)),
      }));
    }),
  );
}
