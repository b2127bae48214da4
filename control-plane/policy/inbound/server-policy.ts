import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type Server as ApiServer, type ProxyProtocolSchema, ServerSchema } from '../../../api/gen/inbound_pb.js';
import { type InboundPolicyName, isInboundPolicy } from '../../../lib/contract/inbound-policies.ts';
import type { Pod } from '../../../lib/kinds/pod.ts';
import type { Server } from '../../../lib/kinds/server.ts';
import { isLinkerds, portsSetting } from '../../cluster/pod-facts.ts';
import { isTcp } from '../../cluster/service-ports.ts';
import { isOpaquePort } from '../../destination/endpoints.ts';
import { objectKey } from '../../sources/object-key.ts';
import type { PolicyContext } from '../context.ts';
import { policyTarget } from '../index/policy-index.ts';
import { policyTopics } from '../index/policy-topics.ts';
import type { IndexedRoute } from '../index/route-index.ts';
import { acceptance } from '../routes/acceptance.ts';
import { faultsOf } from '../routes/references.ts';
import { type AuthzInit, fromAuthorizationPolicy, fromServerAuthorization } from './authorizations.ts';
import { defaultAuthorizations, defaultPolicyOf } from './default-policy.ts';
import {
  authorizerOf,
  type ExternalAuthorizationInit,
  externalAuthorization,
  heldAuthorization,
} from './external-authorizations.ts';
import { rateLimitToApi } from './rate-limit.ts';
import { type RequestAuthenticationInit, requestAuthentications } from './request-authentications.ts';
import { defaultGrpcRoutes, defaultHttpRoutes, grpcRoute, httpRoute, type RouteClients } from './routes.ts';

export interface InboundView {
  readonly server: ApiServer;
  /** Topics of the policy index that change it, besides the pod and its namespace. */
  readonly topics: readonly string[];
}

type ProtocolKind = NonNullable<MessageInitShape<typeof ProxyProtocolSchema>['kind']>;

const detectTimeoutMs = 10_000;
const group = 'policy.linkerd.io';

/** The policy of a pod's port: that of the oldest Server that selects it, else the default one. */
export function serverPolicy(pod: Pod, port: number, context: PolicyContext): InboundView {
  const { namespace = 'default', name } = pod.metadata;
  const servers = context.policy.serversOfPod(namespace, name);
  const topics = [policyTopics.serversOfPod(objectKey(pod))];
  const server = servers.find(({ spec }) => hasPort(pod, spec.port, port));
  if (server === undefined) return { server: defaultServer(pod, port, context), topics };
  return selectedServer(pod, port, server, context, topics);
}

/** A port by name may be that of several containers. */
function hasPort(pod: Pod, named: number | string, port: number): boolean {
  if (typeof named === 'number') return named === port;
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return containers.some(({ ports = [] }) =>
    ports.some((each) => each.name === named && each.containerPort === port && isTcp(each)),
  );
}

function defaultServer(pod: Pod, port: number, { cluster, config }: PolicyContext): ApiServer {
  const policy = defaultPolicyOf(pod, cluster, config);
  const requireIdentity = portsSetting(pod, 'proxy-require-identity-inbound-ports')?.has(port) ?? false;
  return create(ServerSchema, {
    protocol: { kind: isOpaquePort(pod, port, cluster, config) ? opaque : detect(defaultHttpRoutes(pod, port)) },
    authorizations: defaultAuthorizations(policy, requireIdentity, config),
    labels: { group: '', kind: 'default', name: policy },
  });
}

function selectedServer(
  pod: Pod,
  port: number,
  server: Server,
  context: PolicyContext,
  podTopics: readonly string[],
): InboundView {
  const { policy, config } = context;
  const { namespace = 'default', name } = server.metadata;
  const key = `${namespace}/${name}`;
  const topics = [...podTopics, policyTopics.server(key)];
  const ofTargets = (...targets: (string | undefined)[]): AuthzInit[] =>
    targets.flatMap((target) => {
      if (target === undefined) return [];
      topics.push(policyTopics.target(namespace, target));
      return policy.policiesOf(namespace, target).flatMap((object) => {
        const read = fromAuthorizationPolicy(object, policy, config);
        topics.push(...read.topics);
        return read.authorization ?? [];
      });
    });
  const usersOf = (...targets: (string | undefined)[]): RequestAuthenticationInit[] =>
    targets.flatMap((target) => {
      if (target === undefined) return [];
      topics.push(policyTopics.target(namespace, target));
      const objects = policy.authentications.of(namespace, target);
      topics.push(...objects.flatMap((object) => policy.keyUrls(object)).map(policyTopics.keySet));
      return requestAuthentications(objects, policy);
    });
  const askedFor = (target: string | undefined): ExternalAuthorizationInit | undefined => {
    if (target === undefined) return undefined;
    topics.push(policyTopics.target(namespace, target));
    const object = heldAuthorization(policy.authorizers.of(namespace, target));
    if (object === undefined) return undefined;
    if (policy.problemOf(object) === undefined) {
      const { service } = authorizerOf(object, policy);
      topics.push(policyTopics.service(service), policyTopics.grants(service.split('/')[0]));
    }
    return externalAuthorization(object, policy, config.clusterDomain);
  };
  const ofServer = policyTarget({ group, kind: 'Server', name });
  const routes = policy.routes
    .of('Server', key)
    .filter((route) => acceptance(route, { kind: 'Server', key, port: undefined }, policy) === 'Accepted');
  // A namespace has ports of other protocols, too: only who names such a Server itself has asked for what cannot be.
  const isHttp = server.spec.proxyProtocol !== 'opaque' && server.spec.proxyProtocol !== 'TLS';
  const ofUsers = isHttp ? usersOf(policyTarget({ kind: 'Namespace', name: namespace }), ofServer) : usersOf(ofServer);
  const ofAuthorizer = askedFor(ofServer);
  // What a proxy would skip that is to keep requests out is kept by letting in nobody.
  const isShut =
    isLinkerds(pod) &&
    (ofUsers.length > 0 ||
      ofAuthorizer !== undefined ||
      routes.some((route) => usersOf(targetOf(route)).length > 0 || askedFor(targetOf(route)) !== undefined));
  if (isShut) return { server: shutServer(server, name), topics };
  const authorizations = [
    ...policy
      .authorizationsOfServer(namespace, name)
      .flatMap((object) => fromServerAuthorization(object, config) ?? []),
    ...ofTargets(ofServer, policyTarget({ kind: 'Namespace', name: namespace })),
    // Last, so that a client is counted under what was written for it.
    ...defaultAuthorizations(accessPolicy(server), false, config),
  ];
  const ofRoute = (route: IndexedRoute): RouteClients => {
    topics.push(...faultsOfRoute(route).map(policyTopics.fault));
    const target = targetOf(route);
    return {
      authorizations: ofTargets(target),
      requestAuthentications: usersOf(target),
      externalAuthorization: askedFor(target),
    };
  };
  const http = () => {
    const written = routes.flatMap((route) => httpRoute(route, ofRoute(route), policy.faults) ?? []);
    return written.length > 0 ? written : defaultHttpRoutes(pod, port);
  };
  const grpc = () => {
    const written = routes.flatMap((route) => grpcRoute(route, ofRoute(route), policy.faults) ?? []);
    return written.length > 0 ? written : [...defaultGrpcRoutes];
  };
  const [rateLimit] = policy.rateLimits.of(key).map((object) => rateLimitToApi(object, config));
  const api = create(ServerSchema, {
    protocol: { kind: protocolOf(server, http, grpc, rateLimit) },
    authorizations,
    requestAuthentications: ofUsers,
    externalAuthorization: ofAuthorizer,
    labels: { group, kind: 'server', name },
  });
  return { server: api, topics };
}

/** Of a Server whose policy the sidecar cannot keep: nobody is let in, probes included, for their route would be open to all. */
function shutServer(server: Server, name: string): ApiServer {
  const none = () => [];
  return create(ServerSchema, {
    protocol: { kind: protocolOf(server, none, none, undefined) },
    authorizations: [],
    labels: { group, kind: 'server', name },
  });
}

const targetOf = ({ group, kind, object }: IndexedRoute): string | undefined =>
  policyTarget({ group, kind, name: object.metadata.name });

const faultsOfRoute = ({ object, namespace }: IndexedRoute): string[] =>
  (object.spec.rules ?? []).flatMap((rule) => faultsOf(rule, namespace));

/** Without one that is known, nobody is let in but by an authorization. */
function accessPolicy({ spec }: Server): InboundPolicyName {
  const name = spec.accessPolicy ?? 'deny';
  return isInboundPolicy(name) ? name : 'deny';
}

function protocolOf(
  { spec }: Server,
  http: () => ReturnType<typeof defaultHttpRoutes>,
  grpc: () => (typeof defaultGrpcRoutes)[number][],
  localRateLimit: ReturnType<typeof rateLimitToApi> | undefined,
): ProtocolKind {
  switch (spec.proxyProtocol) {
    case 'HTTP/1':
      return { case: 'http1', value: { routes: http(), localRateLimit } };
    case 'HTTP/2':
      return { case: 'http2', value: { routes: http(), localRateLimit } };
    case 'gRPC':
      return { case: 'grpc', value: { routes: grpc(), localRateLimit } };
    case 'opaque':
      return opaque;
    case 'TLS':
      return { case: 'tls', value: {} };
    default:
      return detect(http(), localRateLimit);
  }
}

const opaque: ProtocolKind = { case: 'opaque', value: {} };

function detect(
  httpRoutes: ReturnType<typeof defaultHttpRoutes>,
  httpLocalRateLimit?: ReturnType<typeof rateLimitToApi>,
): ProtocolKind {
  return { case: 'detect', value: { timeout: durationFromMs(detectTimeoutMs), httpRoutes, httpLocalRateLimit } };
}
