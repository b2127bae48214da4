import type { EndpointSlice, KubernetesObject, Namespace, Node, Pod, Service } from './kubernetes-object.ts';
import type {
  AuthorizationPolicy,
  MeshTlsAuthentication,
  NetworkAuthentication,
  Server,
  ServerAuthorization,
  ServiceProfile,
} from './policy-objects.ts';
import type { GrpcRoute, HttpRoute, PolicyHttpRoute } from './route-objects.ts';

/** The kinds that the control plane reads. Two groups have an HTTPRoute: that of policy.linkerd.io is PolicyHTTPRoute here. */
export interface Kinds {
  readonly Namespace: Namespace;
  readonly Node: Node;
  readonly Service: Service;
  readonly EndpointSlice: EndpointSlice;
  readonly Pod: Pod;
  readonly ServiceProfile: ServiceProfile;
  readonly Server: Server;
  readonly ServerAuthorization: ServerAuthorization;
  readonly AuthorizationPolicy: AuthorizationPolicy;
  readonly MeshTLSAuthentication: MeshTlsAuthentication;
  readonly NetworkAuthentication: NetworkAuthentication;
  readonly PolicyHTTPRoute: PolicyHttpRoute;
  readonly HTTPRoute: HttpRoute;
  readonly GRPCRoute: GrpcRoute;
}
export type Kind = keyof Kinds;

/** Where objects of a kind stand in the API. */
export interface KindInfo {
  readonly group: string;
  /** The `kind` of its objects. */
  readonly kind: string;
  /** Versions whose objects have the fields that are read, newest first. The first that is served is used. */
  readonly versions: readonly string[];
  readonly plural: string;
  readonly namespaced: boolean;
  /** True for a kind that a cluster may lack; it is read once its definition is there. */
  readonly optional: boolean;
}

const core = (kind: string, plural: string, namespaced: boolean): KindInfo => ({
  group: '',
  kind,
  versions: ['v1'],
  plural,
  namespaced,
  optional: false,
});
const custom = (group: string, kind: string, plural: string, ...versions: string[]): KindInfo => ({
  group,
  kind,
  versions,
  plural,
  namespaced: true,
  optional: true,
});

const policyGroup = 'policy.linkerd.io';
const gatewayGroup = 'gateway.networking.k8s.io';

export const kindInfo: { readonly [K in Kind]: KindInfo } = {
  Namespace: core('Namespace', 'namespaces', false),
  Node: core('Node', 'nodes', false),
  Service: core('Service', 'services', true),
  Pod: core('Pod', 'pods', true),
  EndpointSlice: {
    group: 'discovery.k8s.io',
    kind: 'EndpointSlice',
    versions: ['v1'],
    plural: 'endpointslices',
    namespaced: true,
    optional: false,
  },
  ServiceProfile: custom('linkerd.io', 'ServiceProfile', 'serviceprofiles', 'v1alpha2', 'v1alpha1'),
  Server: custom(policyGroup, 'Server', 'servers', 'v1beta3', 'v1beta2', 'v1beta1'),
  ServerAuthorization: custom(policyGroup, 'ServerAuthorization', 'serverauthorizations', 'v1beta1'),
  AuthorizationPolicy: custom(policyGroup, 'AuthorizationPolicy', 'authorizationpolicies', 'v1alpha1'),
  MeshTLSAuthentication: custom(policyGroup, 'MeshTLSAuthentication', 'meshtlsauthentications', 'v1alpha1'),
  NetworkAuthentication: custom(policyGroup, 'NetworkAuthentication', 'networkauthentications', 'v1alpha1'),
  PolicyHTTPRoute: custom(policyGroup, 'HTTPRoute', 'httproutes', 'v1beta3', 'v1beta2', 'v1beta1'),
  HTTPRoute: custom(gatewayGroup, 'HTTPRoute', 'httproutes', 'v1', 'v1beta1'),
  GRPCRoute: custom(gatewayGroup, 'GRPCRoute', 'grpcroutes', 'v1', 'v1alpha2'),
};

const byGroupAndKind = new Map(
  (Object.entries(kindInfo) as [Kind, KindInfo][]).map(([name, { group, kind }]) => [`${group}/${kind}`, name]),
);

/** Which of the kinds an object is of; undefined for one that the control plane does not read. */
export function kindOf({ apiVersion, kind }: Pick<KubernetesObject, 'apiVersion' | 'kind'>): Kind | undefined {
  const slash = apiVersion.indexOf('/');
  return byGroupAndKind.get(`${slash < 0 ? '' : apiVersion.slice(0, slash)}/${kind}`);
}
