import type { OutboundPolicy as ApiPolicy, GrpcRoute, HttpRoute } from '../../../api/gen/outbound_pb.js';
import { grpcMatchesFromApi, hostsFromApi, httpMatchesFromApi } from '../../route/matches-from-api.ts';
import { type Route, RouteTable } from '../../route/route-table.ts';
import { labelsFromMetadata, type PolicyLabels } from '../labels.ts';
import type { OutboundPolicy, OutboundRoute } from './model.ts';

/** Told of each match of a route that cannot be read: requests that may fit it have no route. */
export type OnUnreadRoute = (route: PolicyLabels, why: string) => void;

const noRoutes = new RouteTable<OutboundRoute>([]);

/** Reads a target's policy from the API. */
export function outboundPolicyFromApi({ protocol, metadata }: ApiPolicy, onUnread: OnUnreadRoute): OutboundPolicy {
  const kind = protocol?.kind;
  const labels = labelsFromMetadata(metadata);
  switch (kind?.case) {
    // What is told by the name that a TLS client asks for is passed on as it is.
    case 'tls':
    case 'opaque':
      return { protocol: 'opaque', labels, http1: noRoutes, http2: noRoutes };
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

function httpRoutes(routes: readonly HttpRoute[], onUnread: OnUnreadRoute): RouteTable<OutboundRoute> {
  return tableOf(routes.map((route) => read(route, onUnread, (told) => httpMatchesFromApi(route.rules, told))));
}

function grpcRoutes(routes: readonly GrpcRoute[], onUnread: OnUnreadRoute): RouteTable<OutboundRoute> {
  return tableOf(routes.map((route) => read(route, onUnread, (told) => grpcMatchesFromApi(route.rules, told))));
}

const tableOf = (routes: readonly Route<OutboundRoute>[]): RouteTable<OutboundRoute> =>
  routes.length === 0 ? noRoutes : new RouteTable(routes);

function read(
  { metadata, hosts }: HttpRoute | GrpcRoute,
  onUnread: OnUnreadRoute,
  matches: (told: (why: string) => void) => Route<OutboundRoute>['matches'],
): Route<OutboundRoute> {
  const labels = labelsFromMetadata(metadata);
  return {
    plan: Object.freeze({ labels }),
    hosts: hostsFromApi(hosts),
    matches: matches((why) => onUnread(labels, why)),
  };
}
