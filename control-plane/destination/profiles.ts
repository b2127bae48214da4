import { create } from '@bufbuild/protobuf';
import { type DestinationProfile, DestinationProfileSchema } from '../../api/gen/destination_pb.js';
import type { Service } from '../../lib/kinds/service.ts';
import type { ServiceProfile } from '../../lib/kinds/service-profile.ts';
import type { ClusterConfig } from '../cluster/cluster-config.ts';
import type { ClusterIndex } from '../cluster/cluster-index.ts';
import { isRunning, portsSetting } from '../cluster/pod-facts.ts';
import { servicePort } from '../cluster/service-ports.ts';
import {
  bareEndpoint,
  type EndpointRecord,
  hostPortEndpoint,
  isOpaqueByServer,
  isOpaquePort,
  podByHostname,
  podEndpoint,
} from './endpoints.ts';
import { defaultRetryBudget, profileFields } from './service-profiles.ts';
import type { Target } from './target.ts';
import { weightedAddress } from './translate.ts';

/** A profile as of now, and the topics on whose change it must be asked for again. */
export interface ProfileView {
  readonly profile: DestinationProfile;
  readonly topics: readonly string[];
  /** Set when the target names a pod that is not there. */
  readonly missing?: string;
  /** The ServiceProfile that was used. */
  readonly source?: ServiceProfile;
}

/**
 * The profile of a target for clients of a namespace: a ServiceProfile there comes before one in the Service's own
 * namespace.
 */
export function profileOf(
  target: Target,
  index: ClusterIndex,
  config: ClusterConfig,
  clientNamespace?: string,
): ProfileView {
  if (target.kind === 'service') {
    return target.hostname === undefined
      ? viewOfService(target.namespace, target.name, target.port, index, config, clientNamespace)
      : viewOfHostname(target.namespace, target.name, target.hostname, target.port, index, config);
  }
  const topics = [`ip ${target.ip}`];
  const service = index.serviceAt(target.ip);
  if (service === undefined) return viewOfAddress(target.ip, target.port, index, config);
  const { namespace = 'default', name } = service.metadata;
  const view = viewOfService(namespace, name, target.port, index, config, clientNamespace);
  const known = servicePort(service, target.port) !== undefined;
  return { ...view, profile: known ? view.profile : emptyProfile(), topics: [...topics, ...view.topics] };
}

function viewOfService(
  namespace: string,
  name: string,
  port: number,
  index: ClusterIndex,
  config: ClusterConfig,
  clientNamespace: string | undefined,
): ProfileView {
  const fullyQualified = `${name}.${namespace}.svc.${config.clusterDomain}`;
  const keys = [...new Set([clientNamespace ?? namespace, namespace])].map((each) => `${each}/${fullyQualified}`);
  const source = keys.map((key) => index.profiles.get(key)).find((profile) => profile !== undefined);
  const fields = source === undefined ? undefined : profileFields(source);
  const service = index.services.get(`${namespace}/${name}`);
  const portName = servicePort(service, port)?.name;
  const profile = create(DestinationProfileSchema, {
    fullyQualifiedName: fullyQualified,
    opaqueProtocol:
      appProtocolIsOpaque(service, port) ??
      ((fields?.opaquePorts?.has(port, portName) ?? false) || isListedOpaque(service, namespace, port, index, config)),
    routes: [...(fields?.routes ?? [])],
    retryBudget: fields?.retryBudget ?? defaultRetryBudget,
    dstOverrides: [...(fields?.dstOverrides ?? [])],
    parentRef: { kind: { case: 'resource', value: { group: 'core', kind: 'Service', name, namespace, port } } },
    profileRef: fields?.profileRef,
  });
  const topics = [`service ${namespace}/${name}`, `namespace ${namespace}`, ...keys.map((key) => `profile ${key}`)];
  return { profile, topics, source };
}

/** One pod of a Service, by the name that it has in it: as if it had been asked for by its address. */
function viewOfHostname(
  namespace: string,
  name: string,
  hostname: string,
  port: number,
  index: ClusterIndex,
  config: ClusterConfig,
): ProfileView {
  const service = `${namespace}/${name}`;
  const topics = [`service ${service}`, `endpoints ${service}`];
  const found = podByHostname(service, hostname, index, config);
  if (found === undefined) {
    const missing = `no pod found in Endpoints ${service} for hostname ${hostname}`;
    return { profile: emptyProfile(), topics, missing };
  }
  const view = viewOfAddress(found.ip, port, index, config);
  return { ...view, topics: [...topics, ...view.topics] };
}

/** An address that is no Service's: that of a pod, of a port of a node, or of what is not known. */
function viewOfAddress(ip: string, port: number, index: ClusterIndex, config: ClusterConfig): ProfileView {
  const atPod = index.podAt(ip);
  const atHost = atPod === undefined ? index.podAtHostPort(ip, port) : undefined;
  const pod = atPod ?? atHost?.pod;
  const topics = [`ip ${ip}`];
  if (pod === undefined) return { profile: bareProfile(ip, port, config), topics };
  const { namespace = 'default', name } = pod.metadata;
  topics.push(`pod ${namespace}/${name}`, `namespace ${namespace}`, `servers ${namespace}`);
  // A peer that forms a cluster, or is under way to readiness, has its identity from its first answer on.
  if (!isRunning(pod)) return { profile: bareProfile(ip, port, config), topics };
  const containerPort = atHost?.containerPort ?? port;
  const endpoint = atHost
    ? hostPortEndpoint(pod, { ip, port }, containerPort, index, config)
    : podEndpoint(pod, ip, port, index, config);
  const opaque = isOpaquePort(pod, containerPort, index, config) || isOpaqueByServer(pod, containerPort, index);
  return { profile: endpointProfile({ ...endpoint, labels: { ...endpoint.labels, namespace } }, opaque), topics };
}

/** What the port's appProtocol says; undefined when it says nothing. A protocol that is not known is passed on as it is. */
function appProtocolIsOpaque(service: Service | undefined, port: number): boolean | undefined {
  const protocol = servicePort(service, port)?.appProtocol;
  return protocol === undefined ? undefined : !['http', 'kubernetes.io/h2c'].includes(protocol);
}

/** By the Service's list, its namespace's, or the default. */
function isListedOpaque(
  service: Service | undefined,
  namespace: string,
  port: number,
  index: ClusterIndex,
  config: ClusterConfig,
): boolean {
  const ports =
    portsSetting(service, 'opaque-ports') ??
    portsSetting(index.namespaces.get(namespace), 'opaque-ports') ??
    config.opaquePorts;
  return ports.has(port, servicePort(service, port)?.name);
}

function endpointProfile(record: EndpointRecord, opaque: boolean): DestinationProfile {
  return create(DestinationProfileSchema, {
    endpoint: weightedAddress(record),
    opaqueProtocol: opaque,
    retryBudget: defaultRetryBudget,
  });
}

function bareProfile(ip: string, port: number, config: ClusterConfig): DestinationProfile {
  return endpointProfile(bareEndpoint(ip, port), config.opaquePorts.has(port));
}

/** Of a port that a Service does not have. */
function emptyProfile(): DestinationProfile {
  return create(DestinationProfileSchema, { retryBudget: defaultRetryBudget });
}
