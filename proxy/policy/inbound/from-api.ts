import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Authn, Authz, GrpcRoute, HttpRoute, Network, Server } from '../../../api/gen/inbound_pb.js';
import type { Metadata } from '../../../api/gen/meta_pb.js';
import type { IPNetwork } from '../../../api/gen/net_pb.js';
import { ipFromApi } from '../../control/addresses.ts';
import type { CheckPolicy } from '../../ext-authz/check-policy.ts';
import type { Filters } from '../../filter/filter.ts';
import { filteredRules } from '../../filter/rules.ts';
import { grpcMatchesFromApi, hostsFromApi, httpMatchesFromApi } from '../../route/matches-from-api.ts';
import { type Route, RouteTable } from '../../route/route-table.ts';
import { claimHeadersOf, joinPolicies, type TokenPart, type TokenPolicy } from '../../tokens/token-policy.ts';
import { foldName } from '../../wire/field-names.ts';
import { IpNetwork } from '../../wire/ip-network.ts';
import { labelsFromMetadata, type PolicyLabels } from '../labels.ts';
import { traceRateFromApi } from '../trace-rate.ts';
import { inOrder } from './authorize.ts';
import { checkFromApi, ownHeadersOf } from './checks-from-api.ts';
import { rateLimitFromApi } from './rate-limit-policy.ts';
import type { Authentication, Authorization, RoutePolicy, ServerPolicy } from './server-policy.ts';
import { tokenPartsFromApi } from './tokens-from-api.ts';

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
  const parts = tokenPartsFromApi(server.requestAuthentications);
  const claimHeaders = claimHeadersOf([
    ...parts,
    ...routesOf(kind).flatMap(({ requestAuthentications }) => tokenPartsFromApi(requestAuthentications)),
  ]);
  const tokens = parts.length === 0 ? undefined : joinPolicies(parts, claimHeaders);
  const none = claimHeaders.size === 0 ? undefined : joinPolicies([], claimHeaders);
  const tokensOf = tokensOfRoutes(parts, tokens ?? none, none, claimHeaders);
  const check = server.externalAuthorization && checkFromApi(server.externalAuthorization);
  const checksOf = checksOfRoutes(check);
  const routes = routesFromApi(kind, authorizations, { tokensOf, checksOf }, requireTls, onUnread);
  const written = routes.some(({ plan }) => plan.labels.group !== '');
  const table = routes.length === 0 ? undefined : new RouteTable(routes);
  return {
    protocol: protocolOf(kind?.case),
    isGrpc: kind?.case === 'grpc',
    detectTimeoutMs: timeout === undefined ? detectTimeoutMs : durationMs(timeout),
    labels: labelsFromMap(server.labels),
    // Bytes that are no HTTP bring no token, and nobody can be asked about them.
    authorizations: tokens === undefined && check === undefined ? inOrder(authorizations, []) : [],
    routes: table,
    tokensFirst: routes.some((route) => isByClaim(route, claimHeaders)) ? (tokens ?? none) : undefined,
    written: written || tokens !== undefined || check !== undefined,
    guardsPaths: written && table?.byPath === true,
    guardsMethods: written && table?.byMethod === true,
    ownHeaders: ownHeadersOf(
      routes.flatMap(({ plan }) => plan.checks ?? []),
      claimHeaders,
    ),
    rateLimit: rateLimitFromApi(kind, processes),
  };
}

type Kind = NonNullable<Server['protocol']>['kind'];

function protocolOf(kind: Kind['case']): ServerPolicy['protocol'] {
  if (kind === 'grpc') return 'http2';
  return kind ?? 'detect';
}

/** Whether a route is found by a header that claims stand in. */
const isByClaim = ({ matches }: Route<RoutePolicy>, claimHeaders: ReadonlySet<string>): boolean =>
  matches.some(({ headers }) => headers.some(({ name }) => claimHeaders.has(foldName(name))));

function routesFromApi(
  kind: Kind | undefined,
  ofServer: readonly Authorization[],
  { tokensOf, checksOf }: Asked,
  requireTls: boolean,
  onUnread: OnUnreadRoute,
): Route<RoutePolicy>[] {
  const read = (route: ReadRoute) => {
    const { metadata, hosts, authorizations, tracing } = route;
    const labels = labelsFromMetadata(metadata);
    const told = (why: string): void => onUnread(labels, why);
    const traceSampleRate = traceRateFromApi(tracing, told);
    const tokens = tokensOf(route);
    const checks = checksOf(route);
    const permitted = inOrder(ofServer, authorizationsFromApi(authorizations, requireTls));
    return {
      told,
      hosts: hostsFromApi(hosts),
      planOf: (filters: Filters | undefined): RoutePolicy => ({
        labels,
        authorizations: permitted,
        tokens,
        checks,
        filters,
        traceSampleRate,
      }),
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
  const routes = routesOf(kind) as HttpRoute[];
  const everything: ReadRoute = { hosts: [], authorizations: [], requestAuthentications: [] };
  if (routes.length === 0 && (tokensOf(everything) !== undefined || checksOf(everything) !== undefined)) {
    const { told, hosts, planOf } = read(everything);
    return [{ plan: planOf(undefined), hosts, matches: httpMatchesFromApi([{ matches: [] }], told) }];
  }
  return routes.flatMap((route) => {
    const { told, hosts, planOf } = read(route);
    return filteredRules(route.rules, told).map(({ rules, filters }) => ({
      plan: planOf(filters),
      hosts,
      matches: httpMatchesFromApi(rules, told),
    }));
  });
}

/** Of either protocol. */
function routesOf(kind: Kind | undefined): readonly (HttpRoute | GrpcRoute)[] {
  switch (kind?.case) {
    case 'detect':
      return kind.value.httpRoutes;
    case 'http1':
    case 'http2':
    case 'grpc':
      return kind.value.routes;
    default:
      return [];
  }
}

type ReadRoute = AskedRoute & Pick<HttpRoute, 'hosts' | 'authorizations' | 'tracing'>;
type AskedRoute = { readonly metadata?: Metadata } & Pick<
  HttpRoute,
  'requestAuthentications' | 'externalAuthorization'
>;

/** What is asked of the requests of a route, besides who sends them. */
interface Asked {
  readonly tokensOf: (route: AskedRoute) => TokenPolicy | undefined;
  readonly checksOf: (route: AskedRoute) => readonly CheckPolicy[] | undefined;
}

/** The route that the control plane makes for the kubelet. */
const isProbe = ({ metadata }: AskedRoute): boolean =>
  metadata?.kind.case === 'default' && metadata.kind.value === 'probe';

/** A pod must not be restarted since the one that would be asked is away. That of the server is asked first. */
function checksOfRoutes(ofServer: CheckPolicy | undefined): Asked['checksOf'] {
  const shared = ofServer && [ofServer];
  return (route) => {
    if (isProbe(route)) return undefined;
    const { externalAuthorization } = route;
    if (externalAuthorization === undefined) return shared;
    return [...(shared ?? []), checkFromApi(externalAuthorization)];
  };
}

/** The kubelet, whose route the control plane makes, has no token. Routes without words of their own share one policy. */
function tokensOfRoutes(
  ofServer: readonly TokenPart[],
  shared: TokenPolicy | undefined,
  none: TokenPolicy | undefined,
  claimHeaders: ReadonlySet<string>,
): Asked['tokensOf'] {
  return (route) => {
    const { requestAuthentications } = route;
    if (isProbe(route)) return none;
    if (requestAuthentications.length === 0) return shared;
    return joinPolicies([...ofServer, ...tokenPartsFromApi(requestAuthentications)], claimHeaders);
  };
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
