import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type OutboundPolicy, OutboundPolicySchema, type ProxyProtocolSchema } from '../../../api/gen/outbound_pb.js';
import { isWithin } from '../../../lib/contract/cidr.ts';
import { portsSetting } from '../../cluster/pod-facts.ts';
import { servicePort } from '../../cluster/service-ports.ts';
import { profileOf } from '../../destination/profiles.ts';
import type { Target } from '../../destination/target.ts';
import type { PolicyContext } from '../context.ts';
import { policyTopics } from '../index/policy-index.ts';
import type { IndexedRoute } from '../index/route-index.ts';
import { acceptance } from '../routes/acceptance.ts';
import { backendService, backendsOf, mayName } from '../routes/references.ts';
import { trafficSettings } from '../traffic-settings.ts';
import { forwardBackend, type MetadataInit, serviceBackend, serviceMetadata } from './backends.ts';
import {
  defaultHttpRoute,
  defaultOpaqueRoute,
  grpcRoute,
  type HttpRouteInit,
  httpRoute,
  type OpaqueRouteInit,
  type RouteContext,
  undefinedPortRoute,
} from './routes.ts';
import { type AccrualInit, accrualToApi, loadToApi, plainLoad } from './settings-to-api.ts';

/** The policy of a target as of now; undefined when there is no such Service. */
export interface OutboundView {
  readonly policy: OutboundPolicy | undefined;
  /** Topics of the cluster's index that change it. */
  readonly topics: readonly string[];
  /** Those of the policy index. */
  readonly policyTopics: readonly string[];
}

type ProtocolKind = NonNullable<MessageInitShape<typeof ProxyProtocolSchema>['kind']>;

const detectTimeoutMs = 10_000;

/** How a proxy in `clientNamespace` treats what goes to `target` (linkerd2 policy-controller/grpc/src/outbound.rs). */
export function outboundPolicy(
  target: Target,
  clientNamespace: string | undefined,
  context: PolicyContext,
): OutboundView {
  if (target.kind === 'service') {
    const host = target.hostname === undefined ? target.name : `${target.hostname}.${target.name}`;
    return ofService(`${target.namespace}/${target.name}`, target.port, host, clientNamespace, context, []);
  }
  const topics = [`ip ${target.ip}`];
  const service = context.cluster.serviceAt(target.ip);
  if (service === undefined) return ofAddress(target.ip, target.port, context);
  const { namespace = 'default', name } = service.metadata;
  return ofService(`${namespace}/${name}`, target.port, name, clientNamespace, context, topics);
}

/**
 * An address outside the cluster goes where the workload sent it. One inside that is no Service's has no policy, and a
 * proxy goes by its profile: the fallback names no identity, so that a proxy would speak plaintext to a meshed pod.
 */
function ofAddress(ip: string, port: number, { cluster, config }: PolicyContext): OutboundView {
  const { profile, topics } = profileOf({ kind: 'ip', ip, port }, cluster, config);
  const known = cluster.podAt(ip) !== undefined || cluster.podAtHostPort(ip, port) !== undefined;
  if (known || isWithin(ip, config.clusterNetworks)) return { policy: undefined, topics, policyTopics: [] };
  const metadata: MetadataInit = { kind: { case: 'default', value: 'egress-fallback' } };
  const backend = forwardBackend(metadata, ip, port);
  const settings = trafficSettings();
  const lookup = { clusterDomain: config.clusterDomain, hasService: () => false, mayName: () => false };
  const http = defaultHttpRoute('egress-fallback', { parent: backend, load: plainLoad, settings, lookup });
  const opaque = { routes: [defaultOpaqueRoute('egress-fallback', backend)] };
  const kind: ProtocolKind = profile.opaqueProtocol
    ? { case: 'opaque', value: opaque }
    : detect(opaque, { routes: [http] });
  return { policy: create(OutboundPolicySchema, { metadata, protocol: { kind } }), topics, policyTopics: [] };
}

function ofService(
  key: string,
  port: number,
  host: string,
  clientNamespace: string | undefined,
  context: PolicyContext,
  moreTopics: readonly string[],
): OutboundView {
  const { cluster, policy, config } = context;
  const [namespace] = key.split('/');
  const topics = [...moreTopics, `service ${key}`, `namespace ${namespace}`];
  const service = cluster.services.get(key);
  const settings = policy.serviceSettings(key);
  const own = policyTopics.service(key);
  if (service === undefined || settings === undefined) return { policy: undefined, topics, policyTopics: [own] };
  const metadata = serviceMetadata(key, port);
  const named = servicePort(service, port);
  // A headless Service's names are those of its pods, which listen on more than the Service declares.
  if (named === undefined && service.spec?.clusterIP !== 'None') {
    const kind: ProtocolKind = { case: 'opaque', value: { routes: [undefinedPortRoute] } };
    return {
      policy: create(OutboundPolicySchema, { metadata, protocol: { kind } }),
      topics,
      policyTopics: [own],
    };
  }
  const opaquePorts =
    portsSetting(service, 'opaque-ports') ??
    portsSetting(cluster.namespaces.get(namespace), 'opaque-ports') ??
    config.opaquePorts;
  const protocol = named?.appProtocol ?? (opaquePorts.has(port, named?.name) ? 'linkerd.io/opaque' : undefined);
  const isHttp = protocol === undefined || protocol === 'http' || protocol === 'kubernetes.io/h2c';
  const load = loadToApi(settings.loadBiaser);
  const path = `${host}.${namespace}.svc.${config.clusterDomain}:${port}`;
  const routes = routesOf(key, port, clientNamespace, context);
  const routeContext: RouteContext = {
    parent: serviceBackend(key, port, path, isHttp ? load : plainLoad),
    load,
    settings,
    lookup: {
      clusterDomain: config.clusterDomain,
      hasService: (backend) => policy.service(backend) !== undefined,
      mayName: (route, backend) => mayName(route, backend, policy.grants),
    },
  };
  const kind = protocolKind(protocol, routes, routeContext);
  return {
    policy: create(OutboundPolicySchema, { metadata, protocol: { kind } }),
    topics,
    policyTopics: [own, ...backendTopics(routes)],
  };
}

/**
 * The routes that hold for a client, the oldest first: those of its own namespace, if it has any, else those that stand
 * beside the Service.
 */
function routesOf(
  key: string,
  port: number,
  clientNamespace: string | undefined,
  { policy }: PolicyContext,
): IndexedRoute[] {
  const [namespace] = key.split('/');
  const served = policy.routes
    .of('Service', key)
    .filter(({ rules }) => rules !== undefined)
    .filter((route) =>
      route.parents.some(
        (parent) =>
          parent.kind === 'Service' &&
          parent.key === key &&
          (parent.port === undefined || parent.port === port) &&
          acceptance(route, parent, policy) === 'Accepted',
      ),
    );
  const consumer = clientNamespace === namespace ? [] : served.filter((route) => route.namespace === clientNamespace);
  return consumer.length > 0 ? consumer : served.filter((route) => route.namespace === namespace);
}

/** By the port's appProtocol, else by what kind of routes there is, else by looking at the first bytes. */
function protocolKind(
  protocol: string | undefined,
  routes: readonly IndexedRoute[],
  context: RouteContext,
): ProtocolKind {
  const failureAccrual = accrualToApi(context.settings.accrual);
  const grpc = routes.flatMap((route) => grpcRoute(route, context) ?? []);
  const written = routes.flatMap((route) => httpRoute(route, context) ?? []);
  const http: HttpInit = { routes: written.length > 0 ? written : [defaultHttpRoute('http', context)], failureAccrual };
  const opaque = { routes: [defaultOpaqueRoute('opaque', context.parent)] };
  if (protocol === 'http') return { case: 'http1', value: http };
  if (protocol !== undefined && protocol !== 'kubernetes.io/h2c') return { case: 'opaque', value: opaque };
  if (grpc.length > 0) return { case: 'grpc', value: { routes: grpc, failureAccrual } };
  if (protocol === 'kubernetes.io/h2c') return { case: 'http2', value: http };
  return detect(opaque, http);
}

interface HttpInit {
  readonly routes: HttpRouteInit[];
  readonly failureAccrual?: AccrualInit;
}

function detect(opaque: { routes: OpaqueRouteInit[] }, http: HttpInit): ProtocolKind {
  const timeout = durationFromMs(detectTimeoutMs);
  return { case: 'detect', value: { timeout, opaque, http1: http, http2: http } };
}

/** Whether a backend is there, and may be named, decides what a route does. */
function backendTopics(routes: readonly IndexedRoute[]): string[] {
  const topics = new Set<string>();
  for (const { object, namespace } of routes) {
    for (const ref of (object.spec.rules ?? []).flatMap((rule) => backendsOf(rule))) {
      const service = backendService(ref, namespace);
      if (service === undefined) continue;
      topics.add(policyTopics.service(service));
      const [other] = service.split('/');
      if (other !== namespace) topics.add(policyTopics.grants(other));
    }
  }
  return [...topics];
}
