import { durationMs } from '@bufbuild/protobuf/wkt';
import type { HttpRouteMatch } from '../../api/gen/http_route_pb.js';
import { type HttpMethod, HttpMethod_Registered } from '../../api/gen/http_types_pb.js';
import type { Authn, Authz, HttpRoute, Network, Server } from '../../api/gen/inbound_pb.js';
import type { Metadata } from '../../api/gen/meta_pb.js';
import type { IPNetwork } from '../../api/gen/net_pb.js';
import { ipFromApi } from '../discovery/addresses.ts';
import { IpNetwork } from '../wire/ip-network.ts';
import { defaultLabels } from './default-policy.ts';
import type {
  Authentication,
  Authorization,
  PolicyLabels,
  RouteMatch,
  RoutePolicy,
  ServerPolicy,
} from './server-policy.ts';

/** Reads a port's policy from the API. What cannot be read restricts: an authorization that is not understood is none. */
export function serverPolicyFromApi(server: Server, detectTimeoutMs: number): ServerPolicy {
  const kind = server.protocol?.kind;
  const timeout = kind?.case === 'detect' ? kind.value.timeout : undefined;
  return {
    protocol: protocolOf(kind?.case),
    detectTimeoutMs: timeout === undefined ? detectTimeoutMs : durationMs(timeout),
    labels: labelsFromMap(server.labels),
    authorizations: authorizationsFromApi(server.authorizations),
    routes: routesOf(kind).map(routeFromApi),
  };
}

type Kind = NonNullable<Server['protocol']>['kind'];

function protocolOf(kind: Kind['case']): ServerPolicy['protocol'] {
  if (kind === 'grpc') return 'http2';
  return kind ?? 'detect';
}

function routesOf(kind: Kind | undefined): readonly HttpRoute[] {
  if (kind?.case === 'detect') return kind.value.httpRoutes;
  if (kind?.case === 'http1' || kind?.case === 'http2') return kind.value.routes;
  return [];
}

function routeFromApi(route: HttpRoute): RoutePolicy {
  const matches = route.rules.flatMap((rule) =>
    rule.matches.length > 0 ? rule.matches.map(matchFromApi) : [everything],
  );
  return {
    labels: labelsFromMetadata(route.metadata),
    matches: matches.filter((match) => match !== undefined),
    authorizations: authorizationsFromApi(route.authorizations),
  };
}

const everything: RouteMatch = { path: undefined, method: undefined };

/** Undefined for a match that cannot be told here (by header, by query, by a pattern of another dialect): it must not match all. */
function matchFromApi(match: HttpRouteMatch): RouteMatch | undefined {
  if (match.headers.length > 0 || match.queryParams.length > 0) return undefined;
  const kind = match.path?.kind;
  if (kind?.case === 'regex' && compile(kind.value) === undefined) return undefined;
  const path =
    kind === undefined || kind.case === undefined
      ? undefined
      : kind.case === 'regex'
        ? { kind: kind.case, value: compile(kind.value)! }
        : { kind: kind.case, value: kind.value };
  return { path, method: methodFromApi(match.method) };
}

/** Undefined for a pattern that is no regular expression here. */
function compile(pattern: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch {
    return undefined;
  }
}

function methodFromApi(method: HttpMethod | undefined): string | undefined {
  if (method?.type.case === 'registered') return HttpMethod_Registered[method.type.value];
  return method?.type.case === 'unregistered' ? method.type.value : undefined;
}

function authorizationsFromApi(authorizations: readonly Authz[]): Authorization[] {
  return authorizations.flatMap((authz) => {
    const authentication = authenticationFromApi(authz.authentication);
    if (authentication === undefined) return [];
    const labels = authz.metadata === undefined ? labelsFromMap(authz.labels) : labelsFromMetadata(authz.metadata);
    return [{ networks: authz.networks.flatMap(networkFromApi), authentication, labels }];
  });
}

function authenticationFromApi(authn: Authn | undefined): Authentication | undefined {
  if (authn?.permit.case === 'unauthenticated') return { kind: 'unauthenticated' };
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

function labelsFromMetadata(metadata: Metadata | undefined): PolicyLabels {
  const kind = metadata?.kind;
  if (kind?.case === 'resource') return { group: kind.value.group, kind: kind.value.kind, name: kind.value.name };
  return defaultLabels(kind?.case === 'default' ? kind.value : 'unknown');
}

function labelsFromMap(labels: Readonly<Record<string, string>>): PolicyLabels {
  return { group: labels.group ?? '', kind: labels.kind ?? 'default', name: labels.name ?? 'unknown' };
}
