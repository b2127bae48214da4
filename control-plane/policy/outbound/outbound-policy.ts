import { create } from '@bufbuild/protobuf';
import { type OutboundPolicy, OutboundPolicySchema } from '../../../api/gen/outbound_pb.js';
import { isWithin } from '../../../lib/contract/cidr.ts';
import { trafficSettings } from '../../../lib/contract/traffic-annotations.ts';
import type { OverrideService } from '../../../lib/contract/traffic-settings.ts';
import { portsSetting } from '../../cluster/pod-facts.ts';
import { servicePort } from '../../cluster/service-ports.ts';
import { endpointCount } from '../../destination/endpoints.ts';
import { profileOf } from '../../destination/profiles.ts';
import type { Target } from '../../destination/target.ts';
import type { PolicyContext } from '../context.ts';
import type { IndexedEgressNetwork } from '../index/egress-index.ts';
import { policyTopics } from '../index/policy-topics.ts';
import type { IndexedRoute } from '../index/route-index.ts';
import { acceptance } from '../routes/acceptance.ts';
import { backendService, backendsOf, faultsOf, mayName } from '../routes/references.ts';
import { failoverOf } from '../routes/route-rules.ts';
import {
  type BackendInit,
  type BackendLookup,
  egressBackend,
  egressMetadata,
  forwardBackend,
  type MetadataInit,
  serviceBackend,
  serviceMetadata,
} from './backends.ts';
import { detect, type ProtocolKind, protocolKind } from './protocol.ts';
import { defaultHttpRoute, defaultOpaqueRoute, type RouteContext, undefinedPortRoute } from './routes.ts';
import { choiceToApi, loadToApi, plainLoad } from './settings-to-api.ts';

/** The policy of a target as of now; undefined when there is no such Service. */
export interface OutboundView {
  readonly policy: OutboundPolicy | undefined;
  /** Topics of the cluster's index that change it. */
  readonly topics: readonly string[];
  /** Those of the policy index. */
  readonly policyTopics: readonly string[];
}

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
  if (service === undefined) return ofAddress(target.ip, target.port, clientNamespace, context);
  const { namespace = 'default', name } = service.metadata;
  return ofService(`${namespace}/${name}`, target.port, name, clientNamespace, context, topics);
}

/**
 * An address outside the cluster goes where the workload sent it, as far as an EgressNetwork says nothing else. One inside
 * that is no Service's has no policy, and a proxy goes by its profile: the fallback names no identity, so that a proxy
 * would speak plaintext to a meshed pod.
 */
function ofAddress(
  ip: string,
  port: number,
  clientNamespace: string | undefined,
  context: PolicyContext,
): OutboundView {
  const { cluster, policy, config } = context;
  const { profile, topics } = profileOf({ kind: 'ip', ip, port }, cluster, config);
  const known = cluster.podAt(ip) !== undefined || cluster.podAtHostPort(ip, port) !== undefined;
  if (known || isWithin(ip, config.clusterNetworks)) return { policy: undefined, topics, policyTopics: [] };
  const which = [config.egressNamespace, ...(clientNamespace === undefined ? [] : [clientNamespace])];
  const whichTopics = [...new Set(which)].map(policyTopics.egressNetworksOf);
  const network = policy.egress.holding(ip, clientNamespace, config.egressNamespace);
  if (network !== undefined) {
    const view = ofEgressNetwork(network, ip, port, clientNamespace, context);
    return { ...view, topics: [...topics, ...view.topics], policyTopics: [...whichTopics, ...view.policyTopics] };
  }
  const metadata: MetadataInit = { kind: { case: 'default', value: 'egress-fallback' } };
  const backend = forwardBackend(metadata, ip, port);
  const lookup = lookupOf(context);
  const http = defaultHttpRoute('egress-fallback', {
    parent: backend,
    load: plainLoad,
    settings: trafficSettings(),
    lookup,
  });
  const opaque = { routes: [defaultOpaqueRoute('egress-fallback', backend)] };
  const kind: ProtocolKind = profile.opaqueProtocol
    ? { case: 'opaque', value: opaque }
    : detect(opaque, { routes: [http] });
  return { policy: create(OutboundPolicySchema, { metadata, protocol: { kind } }), topics, policyTopics: whichTopics };
}

/** What an EgressNetwork and the routes to it say of an address that it holds. */
function ofEgressNetwork(
  { key, object, trafficPolicy, settings }: IndexedEgressNetwork,
  ip: string,
  port: number,
  clientNamespace: string | undefined,
  context: PolicyContext,
): OutboundView {
  const egress = { network: key, ip, port };
  const routes = routesOf('EgressNetwork', key, port, clientNamespace, context);
  const opaquePorts = portsSetting(object, 'opaque-ports') ?? context.config.opaquePorts;
  const kind = protocolKind(opaquePorts.has(port, undefined) ? 'linkerd.io/opaque' : undefined, routes, {
    parent: egressBackend(egress),
    load: loadToApi(settings.loadBiaser),
    settings,
    lookup: { ...lookupOf(context), egress },
    egress: trafficPolicy,
  });
  const metadata = egressMetadata(key, port);
  return {
    policy: create(OutboundPolicySchema, { metadata, protocol: { kind } }),
    topics: countTopics(routes),
    policyTopics: [policyTopics.egressNetwork(key), ...backendTopics(routes)],
  };
}

const lookupOf = ({ cluster, policy, config }: PolicyContext): BackendLookup => ({
  clusterDomain: config.clusterDomain,
  hasService: (backend) => policy.service(backend) !== undefined,
  choiceOf: (backend) => {
    const settings = policy.serviceSettings(backend);
    return settings && choiceToApi(settings);
  },
  hasEgressNetwork: (network) => policy.hasEgressNetwork(network),
  faults: policy.faults,
  endpoints: (key, port) => {
    const service = cluster.services.get(key);
    return service === undefined ? 0 : endpointCount(service, port, cluster);
  },
  mayName: (route, service) => mayName(route, service, policy.grants),
});

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
  // What an ExternalName stands for is outside: a proxy leaves it to the resolver, as what is no Service.
  const isHere = service !== undefined && service.spec?.type !== 'ExternalName';
  if (!isHere || settings === undefined) return { policy: undefined, topics, policyTopics: [own] };
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
  const routes = routesOf('Service', key, port, clientNamespace, context);
  const routeContext: RouteContext = {
    parent: serviceBackend(key, port, path, isHttp ? load : plainLoad, choiceToApi(settings)),
    load,
    settings,
    lookup: lookupOf(context),
  };
  const kind = protocolKind(protocol, routes, routeContext);
  const overrides = overrideTargets(namespace, port, settings.overrides, context);
  return {
    policy: create(OutboundPolicySchema, { metadata, protocol: { kind }, overrideTargets: overrides.backends }),
    topics: [...topics, ...countTopics(routes), ...overrides.topics],
    policyTopics: [own, ...backendTopics(routes), ...overrides.policyTopics],
  };
}

/**
 * The Services that requests may ask for in place of one of `namespace`, under the same port. One that is not there, does
 * not have the port, or may not be named from that namespace, is none of them.
 */
function overrideTargets(
  namespace: string,
  port: number,
  services: readonly OverrideService[],
  context: PolicyContext,
): { backends: BackendInit[]; topics: string[]; policyTopics: string[] } {
  const { cluster, policy, config } = context;
  const backends: BackendInit[] = [];
  const topics: string[] = [];
  const ofPolicy: string[] = [];
  const service = { group: '', kind: 'Service', namespace, parents: [] };
  for (const { name, namespace: other = namespace } of services) {
    const key = `${other}/${name}`;
    topics.push(`service ${key}`);
    ofPolicy.push(policyTopics.service(key));
    if (other !== namespace) ofPolicy.push(policyTopics.grants(other));
    if (!mayName(service, key, policy.grants) || servicePort(cluster.services.get(key), port) === undefined) continue;
    const path = `${name}.${other}.svc.${config.clusterDomain}:${port}`;
    backends.push(serviceBackend(key, port, path, plainLoad, lookupOf(context).choiceOf(key)));
  }
  return { backends, topics, policyTopics: ofPolicy };
}

/**
 * The routes that hold for a client, the oldest first: those of its own namespace, if it has any, else those that stand
 * beside the parent.
 */
function routesOf(
  parentKind: 'Service' | 'EgressNetwork',
  key: string,
  port: number,
  clientNamespace: string | undefined,
  { policy }: PolicyContext,
): IndexedRoute[] {
  const [namespace] = key.split('/');
  const served = policy.routes
    .of(parentKind, key)
    .filter(({ rules }) => rules !== undefined)
    .filter((route) =>
      route.parents.some(
        (parent) =>
          parent.kind === parentKind &&
          parent.key === key &&
          (parent.port === undefined || parent.port === port) &&
          acceptance(route, parent, policy) === 'Accepted',
      ),
    );
  const consumer = clientNamespace === namespace ? [] : served.filter((route) => route.namespace === clientNamespace);
  return consumer.length > 0 ? consumer : served.filter((route) => route.namespace === namespace);
}

/** Whether a backend is there, and may be named, decides what a route does, and so do the faults that it names. */
function backendTopics(routes: readonly IndexedRoute[]): string[] {
  const topics = new Set<string>();
  for (const { object, namespace } of routes) {
    for (const fault of (object.spec.rules ?? []).flatMap((rule) => faultsOf(rule, namespace))) {
      topics.add(policyTopics.fault(fault));
    }
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

/** How many endpoints a backend has is told where a share of them must be ready. */
function countTopics(routes: readonly IndexedRoute[]): string[] {
  const topics = new Set<string>();
  for (const { object, namespace, rules } of routes) {
    if (failoverOf(rules)?.minReady === undefined) continue;
    for (const ref of (object.spec.rules ?? []).flatMap(({ backendRefs }) => backendRefs ?? [])) {
      const service = backendService(ref, namespace);
      if (service !== undefined) topics.add(`endpoints ${service}`);
    }
  }
  return [...topics];
}
