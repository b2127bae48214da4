import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Authn, Authz, GrpcRoute, HttpRoute, Network, Server } from '../../../api/gen/inbound_pb.js';
import type { IPNetwork } from '../../../api/gen/net_pb.js';
import { ipFromApi } from '../../control/addresses.ts';
import type { Filters } from '../../filter/filter.ts';
import { filteredRules } from '../../filter/rules.ts';
import { grpcMatchesFromApi, hostsFromApi, httpMatchesFromApi } from '../../route/matches-from-api.ts';
import { type Route, RouteTable } from '../../route/route-table.ts';
import { IpNetwork } from '../../wire/ip-network.ts';
import { labelsFromMetadata, type PolicyLabels } from '../labels.ts';
import { inOrder } from './authorize.ts';
import { rateLimitFromApi } from './rate-limit-policy.ts';
import type { Authentication, Authorization, RoutePolicy, ServerPolicy } from './server-policy.ts';

/** Told of each match or filter of a route that cannot be read: requests that may fit it are refused. */
export type OnUnreadRoute = (route: PolicyLabels, why: string) => void;

/**
 * Reads a port's policy from the API. What cannot be read restricts: an authorization that is not understood is none.
 * With `requireTls` whoever is let in without being authenticated must come by the mesh's TLS all the same; `processes`
 * are those that share the port.
 */
export function serverPolicyFromApi(
  server: Server,
  detectTimeoutMs: number,
  requireTls: boolean,
  processes: number,
  onUnread: OnUnreadRoute,
): ServerPolicy {
  const kind = server.protocol?.kind;
  const timeout = kind?.case === 'detect' ? kind.value.timeout : undefined;
  const authorizations = authorizationsFromApi(server.authorizations, requireTls);
  const routes = routesFromApi(kind, authorizations, requireTls, onUnread);
  const written = routes.some(({ plan }) => plan.labels.group !== '');
  const table = routes.length === 0 ? undefined : new RouteTable(routes);
  return {
    protocol: protocolOf(kind?.case),
    detectTimeoutMs: timeout === undefined ? detectTimeoutMs : durationMs(timeout),
    labels: labelsFromMap(server.labels),
    authorizations: inOrder(authorizations, []),
    routes: table,
    written,
    guardsPaths: written && table?.byPath === true,
    guardsMethods: written && table?.byMethod === true,
    rateLimit: rateLimitFromApi(kind, processes),
  };
}

type Kind = NonNullable<Server['protocol']>['kind'];

function protocolOf(kind: Kind['case']): ServerPolicy['protocol'] {
  if (kind === 'grpc') return 'http2';
  return kind ?? 'detect';
}

function routesFromApi(
  kind: Kind | undefined,
  ofServer: readonly Authorization[],
  requireTls: boolean,
  onUnread: OnUnreadRoute,
): Route<RoutePolicy>[] {
  const read = ({ metadata, hosts, authorizations }: HttpRoute | GrpcRoute) => {
    const labels = labelsFromMetadata(metadata);
    const permitted = inOrder(ofServer, authorizationsFromApi(authorizations, requireTls));
    return {
      told: (why: string): void => onUnread(labels, why),
      hosts: hostsFromApi(hosts),
      planOf: (filters: Filters | undefined): RoutePolicy => ({ labels, authorizations: permitted, filters }),
    };
  };
  if (kind?.case === 'grpc') {
    return kind.value.routes.flatMap((route) => {
      const { told, hosts, planOf } = read(route);
      return filteredRules(route.rules, told).map(({ rules, filters }) => ({
        plan: planOf(filters),
        hosts,
        matches: grpcMatchesFromApi(rules, told),
      }));
    });
  }
  const routes =
    kind?.case === 'detect'
      ? kind.value.httpRoutes
      : kind?.case === 'http1' || kind?.case === 'http2'
        ? kind.value.routes
        : [];
  return routes.flatMap((route) => {
    const { told, hosts, planOf } = read(route);
    return filteredRules(route.rules, told).map(({ rules, filters }) => ({
      plan: planOf(filters),
      hosts,
      matches: httpMatchesFromApi(rules, told),
    }));
  });
}

function authorizationsFromApi(authorizations: readonly Authz[], requireTls: boolean): Authorization[] {
  return authorizations.flatMap((authz) => {
    const authentication = authenticationFromApi(authz.authentication, requireTls);
    if (authentication === undefined) return [];
    const labels = authz.metadata === undefined ? labelsFromMap(authz.labels) : labelsFromMetadata(authz.metadata);
    const audit = authz.metadata?.kind.case === 'default' && authz.metadata.kind.value === 'audit';
    return [{ networks: authz.networks.flatMap(networkFromApi), authentication, labels, audit }];
  });
}

function authenticationFromApi(authn: Authn | undefined, requireTls: boolean): Authentication | undefined {
  if (authn?.permit.case === 'unauthenticated') return { kind: requireTls ? 'tls' : 'unauthenticated' };
  if (authn?.permit.case !== 'meshTLS') return undefined;
  const { clients } = authn.permit.value;
  if (clients.case === 'unauthenticated') return { kind: 'tls' };
  if (clients.case !== 'identities') return undefined;
  const { identities, suffixes } = clients.value;
  return {
    kind: 'identities',
    names: new Set(identities.map(({ name }) => name)),
    suffixes: suffixes.map(({ parts }) => (parts.length === 0 ? '' : `.${parts.join('.')}`)),
  };
}

function networkFromApi(network: Network): Authorization['networks'] {
  const net = ipNetworkFromApi(network.net);
  const except = network.except.map(ipNetworkFromApi);
  if (net === undefined || except.includes(undefined)) return [];
  return [{ network: net, except: except.filter((hole) => hole !== undefined) }];
}

function ipNetworkFromApi(network: IPNetwork | undefined): IpNetwork | undefined {
  const ip = ipFromApi(network?.ip);
  return ip === undefined || network === undefined ? undefined : new IpNetwork(ip, network.prefixLen);
}

function labelsFromMap(labels: Readonly<Record<string, string>>): PolicyLabels {
  return { group: labels.group ?? '', kind: labels.kind ?? 'default', name: labels.name ?? 'unknown' };
}
