import { ApiError } from '../../control-plane/kubernetes/api.ts';
import type { KubernetesObject, Pod } from '../../control-plane/sources/kubernetes-object.ts';
import type { ServiceProfile } from '../../control-plane/sources/policy-objects.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { lackingSidecars } from '../cluster/lacking-sidecars.ts';
import { listAll } from '../cluster/objects.ts';
import type { FiguresSource, Workload, WorkloadQuery } from './figures-source.ts';
import { ownerName } from './resource.ts';
import { clusterScraper, measure } from './scrape.ts';

const collections: Readonly<Record<string, readonly [api: string, plural: string]>> = {
  deployment: ['/apis/apps/v1', 'deployments'],
  statefulset: ['/apis/apps/v1', 'statefulsets'],
  daemonset: ['/apis/apps/v1', 'daemonsets'],
  replicaset: ['/apis/apps/v1', 'replicasets'],
  replicationcontroller: ['/api/v1', 'replicationcontrollers'],
  job: ['/apis/batch/v1', 'jobs'],
  cronjob: ['/apis/batch/v1', 'cronjobs'],
  pod: ['/api/v1', 'pods'],
  namespace: ['/api/v1', 'namespaces'],
};

/** What stands between a workload and its pods. */
const between: Readonly<Record<string, string>> = { deployment: 'replicaset', cronjob: 'job' };
const kindNames: Readonly<Record<string, string>> = { replicaset: 'ReplicaSet', job: 'Job' };

/** The figures of a cluster: sidecars are asked through the API server. */
export function clusterFigures(cluster: Cluster): FiguresSource {
  return {
    workloads: (query) => clusterWorkloads(cluster, query),
    measure: (pods, windowMs) => measure(pods, windowMs, clusterScraper(cluster.client)),
    profiles: () => clusterProfiles(cluster),
    close: () => cluster.client.close(),
  };
}

/** None where the kind is not installed, or this user may not see it: then routes are those that were counted. */
async function clusterProfiles({ client }: Cluster): Promise<ServiceProfile[]> {
  try {
    return await listAll<ServiceProfile>(client, '/apis/linkerd.io/v1alpha2/serviceprofiles');
  } catch (error) {
    if (error instanceof ApiError && [403, 404].includes(error.status)) return [];
    throw error;
  }
}

async function clusterWorkloads(cluster: Cluster, query: WorkloadQuery): Promise<Workload[]> {
  const { client } = cluster;
  const { resource, namespace, selector } = query;
  const { kind, name } = resource;
  const list = <T extends KubernetesObject>(of: string, options: Record<string, string> = {}): Promise<T[]> => {
    const [api, plural] = collections[of];
    const isNamespace = of === 'namespace';
    const path =
      namespace === undefined || isNamespace ? `${api}/${plural}` : `${api}/namespaces/${namespace}/${plural}`;
    return listAll<T>(client, path, options);
  };
  const owners = await list(kind, {
    ...(selector === undefined ? {} : { labelSelector: selector }),
    ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
  });
  const middle = between[kind];
  const ownPods = await list<Pod>('pod');
  const pods =
    middle === undefined
      ? ownPods
      : await list(middle).then(
          (found) => withOwners(ownPods, kindNames[middle], found),
          (error) => {
            if (error instanceof ApiError && error.status === 403) return withNamedOwners(ownPods);
            throw error;
          },
        );
  const byOwner = new Map<string, Pod[]>();
  for (const pod of pods) {
    // A pod that has run to its end carries nothing any more.
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') continue;
    const key = `${kind === 'namespace' ? '' : pod.metadata.namespace} ${ownerName(pod, kind)}`;
    const members = byOwner.get(key);
    if (members === undefined) byOwner.set(key, [pod]);
    else members.push(pod);
  }
  const workloads = owners.map(({ metadata }) => ({
    namespace: kind === 'namespace' ? metadata.name : (metadata.namespace ?? ''),
    name: metadata.name,
    pods: byOwner.get(`${kind === 'namespace' ? '' : metadata.namespace} ${metadata.name}`) ?? [],
  }));
  const lacking = await lackingSidecars(cluster, kind === 'namespace' ? undefined : namespace, pods);
  if (lacking.size === 0) return workloads;
  return workloads.map((workload) => ({
    ...workload,
    lackingSidecars: workload.pods.filter((pod) => lacking.has(pod)).length,
  }));
}

/** Pods that belong to one of `middle`, objects of a kind, belong to its owners too. */
export function withOwners(pods: readonly Pod[], kind: string, middle: readonly KubernetesObject[]): Pod[] {
  const known = new Map(middle.map(({ metadata }) => [`${metadata.namespace} ${metadata.name}`, metadata]));
  return pods.map((pod) => {
    const own = pod.metadata.ownerReferences ?? [];
    const more = own
      .filter((owner) => owner.kind === kind)
      .flatMap(({ name }) => known.get(`${pod.metadata.namespace} ${name}`)?.ownerReferences ?? []);
    if (more.length === 0) return pod;
    return { ...pod, metadata: { ...pod.metadata, ownerReferences: [...own, ...more] } };
  });
}

/** Where what stands between may not be listed: its name is made of that of its owner, by a rule that never changes. */
export function withNamedOwners(pods: readonly Pod[]): Pod[] {
  return pods.map((pod) => {
    const own = pod.metadata.ownerReferences ?? [];
    const hash = pod.metadata.labels?.['pod-template-hash'];
    const more = own.flatMap(({ kind, name }) => {
      if (kind === 'ReplicaSet' && hash && name.endsWith(`-${hash}`)) {
        return [{ apiVersion: 'apps/v1', kind: 'Deployment', name: name.slice(0, -hash.length - 1) }];
      }
      const cronJob = kind === 'Job' ? /^(.+)-\d{8,}$/.exec(name)?.[1] : undefined;
      return cronJob === undefined ? [] : [{ apiVersion: 'batch/v1', kind: 'CronJob', name: cronJob }];
    });
    return more.length === 0 ? pod : { ...pod, metadata: { ...pod.metadata, ownerReferences: [...own, ...more] } };
  });
}
