import type { DestinationProfile } from '../../api/gen/destination_pb.js';
import type { ClusterConfig } from '../cluster/cluster-config.ts';
import type { ClusterIndex } from '../cluster/cluster-index.ts';
import { portsSetting } from '../cluster/pod-facts.ts';
import type { Service } from '../sources/kubernetes-object.ts';
import { podEndpoint } from './endpoints.ts';
import type { Target } from './target.ts';
import { emptyProfile, endpointProfile, serviceProfile } from './translate.ts';

/** A profile as of now, and the topics on whose change it must be asked for again. */
export interface ProfileView {
  readonly profile: DestinationProfile;
  readonly topics: readonly string[];
}

export function profileOf(target: Target, index: ClusterIndex, config: ClusterConfig): ProfileView {
  if (target.kind === 'service') {
    const service = index.services.get(`${target.namespace}/${target.name}`);
    return viewOfService(target.namespace, target.name, target.port, target.hostname, service, index, config);
  }
  const topics = [`ip ${target.ip}`];
  const service = index.serviceAt(target.ip);
  if (service !== undefined) {
    const { namespace = 'default', name } = service.metadata;
    if (!(service.spec?.ports ?? []).some(({ port }) => port === target.port))
      return { profile: emptyProfile(), topics: [...topics, `service ${namespace}/${name}`] };
    const view = viewOfService(namespace, name, target.port, undefined, service, index, config);
    return { profile: view.profile, topics: [...topics, ...view.topics] };
  }
  const pod = index.podAt(target.ip);
  if (pod === undefined) return { profile: emptyProfile(), topics };
  const { namespace = 'default', name } = pod.metadata;
  const endpoint = podEndpoint(pod, target.ip, target.port, index, config);
  return {
    profile: endpointProfile(endpoint, namespace),
    topics: [...topics, `pod ${namespace}/${name}`, `namespace ${namespace}`],
  };
}

function viewOfService(
  namespace: string,
  name: string,
  port: number,
  hostname: string | undefined,
  service: Service | undefined,
  index: ClusterIndex,
  config: ClusterConfig,
): ProfileView {
  const host = hostname === undefined ? name : `${hostname}.${name}`;
  const fullyQualified = `${host}.${namespace}.svc.${config.clusterDomain}`;
  const opaque = isOpaque(service, port, index, config);
  return {
    profile: serviceProfile({ namespace, name, port, fullyQualified }, opaque),
    topics: [`service ${namespace}/${name}`, `namespace ${namespace}`],
  };
}

/** By the port's appProtocol, else by the Service's list, its namespace's, or the default. */
function isOpaque(service: Service | undefined, port: number, index: ClusterIndex, config: ClusterConfig): boolean {
  const named = service?.spec?.ports?.find((candidate) => candidate.port === port);
  const { appProtocol } = named ?? {};
  if (appProtocol !== undefined)
    return !['http', 'https', 'grpc', 'kubernetes.io/h2c', 'kubernetes.io/ws'].includes(appProtocol);
  const namespace = index.namespaces.get(service?.metadata.namespace ?? '');
  const ports = portsSetting(service, 'opaque-ports') ?? portsSetting(namespace, 'opaque-ports') ?? config.opaquePorts;
  return ports.has(port, named?.name);
}
