import { authorizationPolicy } from './authorization-policy.ts';
import { groupAndVersion, type KindSpec, type ObjectOf } from './definition.ts';
import { egressNetwork } from './egress-network.ts';
import { endpointSlice } from './endpoint-slice.ts';
import { externalAuthorization } from './external-authorization.ts';
import { faultInjection } from './fault-injection.ts';
import { gatewayGrpcRoute } from './gateway-grpc-route.ts';
import { gatewayHttpRoute } from './gateway-http-route.ts';
import { gatewayTcpRoute } from './gateway-tcp-route.ts';
import { gatewayTlsRoute } from './gateway-tls-route.ts';
import { httpLocalRateLimitPolicy } from './http-local-rate-limit-policy.ts';
import { httpRoute } from './http-route.ts';
import { meshTlsAuthentication } from './mesh-tls-authentication.ts';
import { namespace } from './namespace.ts';
import { networkAuthentication } from './network-authentication.ts';
import { node } from './node.ts';
import { pod } from './pod.ts';
import { referenceGrant } from './reference-grant.ts';
import { requestAuthentication } from './request-authentication.ts';
import { server } from './server.ts';
import { serverAuthorization } from './server-authorization.ts';
import { service } from './service.ts';
import { serviceProfile } from './service-profile.ts';

export { crdManifest } from './crd-manifest.ts';
export type { KindSpec } from './definition.ts';

/**
 * Every kind that the mesh knows, by its name here: two groups have an HTTPRoute, of which that of policy.linkerd.io is
 * PolicyHTTPRoute. Those that the mesh brings along are installed in this order.
 */
export const kinds = {
  Namespace: namespace,
  Node: node,
  Service: service,
  EndpointSlice: endpointSlice,
  Pod: pod,
  Server: server,
  ServerAuthorization: serverAuthorization,
  AuthorizationPolicy: authorizationPolicy,
  MeshTLSAuthentication: meshTlsAuthentication,
  NetworkAuthentication: networkAuthentication,
  PolicyHTTPRoute: httpRoute,
  EgressNetwork: egressNetwork,
  HTTPLocalRateLimitPolicy: httpLocalRateLimitPolicy,
  RequestAuthentication: requestAuthentication,
  FaultInjection: faultInjection,
  ExternalAuthorization: externalAuthorization,
  ServiceProfile: serviceProfile,
  HTTPRoute: gatewayHttpRoute,
  GRPCRoute: gatewayGrpcRoute,
  TCPRoute: gatewayTcpRoute,
  TLSRoute: gatewayTlsRoute,
  ReferenceGrant: referenceGrant,
} satisfies Readonly<Record<string, KindSpec>>;

export type KindName = keyof typeof kinds;

/** The kinds whose objects are read, each with the type of its objects. */
export type ReadKinds = {
  readonly [Name in KindName as (typeof kinds)[Name] extends { readonly reads: object } ? Name : never]: ObjectOf<
    (typeof kinds)[Name]
  >;
};

/** The same, where the differences between kinds do not matter. */
export const allKinds: readonly KindSpec[] = Object.values(kinds);

/** Those that the mesh brings along. */
export const meshKinds: readonly KindSpec[] = allKinds.filter(({ versions }) => versions.length > 0);

/** Those that somebody else brings, and that a cluster may lack. */
export const foreignKinds: readonly KindSpec[] = allKinds.filter(
  ({ versions, builtIn }) => versions.length === 0 && !builtIn,
);

/** What an AuthorizationPolicy may name as its target, besides its namespace. */
export const policyTargets: readonly KindSpec[] = allKinds.filter(({ isPolicyTarget }) => isPolicyTarget);

/** The `kind` of objects of the whole cluster. */
export const clusterKinds: ReadonlySet<string> = new Set(
  allKinds.filter(({ scope }) => scope === 'Cluster').map(({ kind }) => kind),
);

/** The groups of kinds, in the order of the kinds. */
export const groupsOf = (list: readonly KindSpec[]): string[] => [...new Set(list.map(({ group }) => group))];

/** Resources of a group in alphabetical order: those that `is` picks, or all. */
export const resourcesOf = (group: string, is: (kind: KindSpec) => boolean = () => true): string[] =>
  allKinds
    .filter((kind) => kind.group === group && is(kind))
    .map(({ plural }) => plural)
    .sort();

const byGroupAndKind = new Map(
  (Object.entries(kinds) as [KindName, KindSpec][]).map(([name, { group, kind }]) => [`${group}/${kind}`, name]),
);

/** The name here of the kind that an object is of; undefined for one that is not known. */
export const kindNameOf = (apiVersion: string, kind: string): KindName | undefined =>
  byGroupAndKind.get(`${groupAndVersion(apiVersion)[0]}/${kind}`);
