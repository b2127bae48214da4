import { ClusterIndex } from '../control-plane/cluster/cluster-index.ts';
import type { PolicyContext } from '../control-plane/policy/context.ts';
import { PolicyIndex } from '../control-plane/policy/index/policy-index.ts';
import { kindOf } from '../control-plane/sources/kinds.ts';
import { ObjectStore } from '../control-plane/sources/object-store.ts';
import { MalformedObject, trim } from '../control-plane/sources/trim.ts';
import { defaultEgressNamespace } from '../lib/contract/names.ts';
import { PortSet } from '../lib/contract/port-list.ts';
import type { Manifest } from '../lib/inject/index.ts';
import { installedConfig } from '../lib/inject/installed-config.ts';
import { kinds } from '../lib/kinds/index.ts';
import type { KubernetesObject } from '../lib/kinds/kubernetes-object.ts';
import type { Pod } from '../lib/kinds/pod.ts';
import type { Service } from '../lib/kinds/service.ts';
import { misshape } from '../lib/kinds/structural-check.ts';
import { nameOf, withoutNulls } from '../lib/validation/manifest-model.ts';
import { endpointSlices } from '../local/endpoint-slices.ts';
import { type Addresses, numbered } from './addresses.ts';
import { portsOfServices } from './doors.ts';
import { type Workload, workloadsOf } from './workload.ts';

/** What manifests would be in a cluster: the control plane's own index of them, with a pod for each workload. */
export interface SimulatedCluster {
  readonly context: PolicyContext;
  readonly workloads: readonly Workload[];
  readonly services: readonly Service[];
  /** The ports of pods (`namespace/name`) that Services lead to. */
  readonly servicePorts: ReadonlyMap<string, ReadonlySet<number>>;
  /** What cannot take effect as it is written: the object, and why. */
  readonly problems: readonly string[];
}

/**
 * Makes a cluster of manifests, in memory: each workload has one pod that is ready, each Service an address. Injection is
 * that of the webhook, by the install among the manifests, or by defaults where there is none.
 */
export function simulatedCluster(given: readonly KubernetesObject[]): SimulatedCluster {
  const objects = given.map((object) => withoutNulls(object) as KubernetesObject);
  const problems: string[] = [];
  const { config: inject, problem } = installedConfig(objects as unknown as Manifest[]);
  if (problem !== undefined) problems.push(problem);
  const addresses = numbered();
  const workloads = workloadsOf(objects as unknown as Manifest[], inject, addresses, problems);
  const store = new ObjectStore();
  const index = new ClusterIndex({ watch: (kind, handler) => store.watch(kind, handler), ...noSource });
  const policy = new PolicyIndex(
    { watch: (kind, handler) => store.watch(kind, handler), ...noSource },
    (object, problem) => problems.push(`${object}: ${problem}`),
    index.topics,
  );
  const services: Service[] = [];
  for (const object of objects) {
    const kind = kindOf(object);
    if (kind === undefined || kind === 'Pod' || kind === 'EndpointSlice') continue;
    const misshapen = kind === 'Service' ? misshape(kinds.Service, object as Service) : undefined;
    if (misshapen !== undefined) {
      problems.push(`${nameOf(object as unknown as Manifest)}: ${misshapen}`);
      continue;
    }
    try {
      const read = trim(kind, object.apiVersion, kind === 'Service' ? withAddress(object, addresses) : object);
      if (kind === 'Service') services.push({ ...(read as Service), spec: (object as Service).spec });
      store.put(read);
    } catch (error) {
      if (!(error instanceof MalformedObject)) throw error;
      problems.push(`${nameOf(object as unknown as Manifest)}: ${error.message}`);
    }
  }
  const pods = workloads.flatMap((workload) => workload.pods);
  for (const pod of pods) store.put(trim('Pod', 'v1', pod) as Pod);
  for (const slice of endpointSlices(services, pods)) store.put(trim('EndpointSlice', slice.apiVersion ?? '', slice));
  const config = {
    ...{ meshNamespace: inject.meshNamespace, trustDomain: inject.trustDomain, clusterDomain: inject.clusterDomain },
    egressNamespace: defaultEgressNamespace,
    opaquePorts: new PortSet(inject.defaults.opaquePorts),
    inboundPolicy: inject.defaults.inboundPolicy,
    clusterNetworks: inject.clusterNetworks,
    ipv6: inject.ipv6 ?? false,
  };
  const context: PolicyContext = { cluster: index, policy, config };
  return { context, workloads, services, servicePorts: portsOfServices(services, context), problems };
}

/** Ports that a workload's pods may be called at: those that it declares, and those that Services lead to. */
export function workloadPorts({ servicePorts }: SimulatedCluster, { ports, pod }: Workload): readonly number[] {
  const led = servicePorts.get(`${pod.metadata.namespace}/${pod.metadata.name}`) ?? [];
  return [...new Set([...ports, ...led])].sort((a, b) => a - b);
}

const noSource = { synced: Promise.resolve(), close: () => {} };

/** One that has an address keeps it, and so does a headless one that has none. */
function withAddress(object: KubernetesObject, addresses: Addresses): KubernetesObject {
  const service = object as Service;
  const { clusterIP, type } = (service.spec ?? {}) as { clusterIP?: string; type?: string };
  if (clusterIP !== undefined || type === 'ExternalName') return object;
  return { ...service, spec: { ...service.spec, clusterIP: addresses.service() } } as KubernetesObject;
}
