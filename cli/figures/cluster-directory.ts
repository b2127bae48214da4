import { isNotFound } from '../../control-plane/kubernetes/api.ts';
import { getIfThere } from '../../control-plane/kubernetes/shared-object.ts';
import type { Subject } from '../../lib/figures/query.ts';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { Service } from '../../lib/kinds/service.ts';
import { type ServiceProfile, serviceProfile } from '../../lib/kinds/service-profile.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { lackingSidecars } from '../cluster/lacking-sidecars.ts';
import { listAll } from '../cluster/objects.ts';
import { isRefused, refusalText } from '../cluster/refusal.ts';
import { meshVariables, sidecarOf } from '../cluster/sidecar.ts';
import { ownerName } from '../resource.ts';
import type { RouteObject, Workload, WorkloadDirectory } from './directory.ts';
import { routeKindsOf } from './gateway-routes.ts';
import { selectedBy } from './services.ts';

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
  service: ['/api/v1', 'services'],
};

/** What stands between a workload and its pods. */
const between: Readonly<Record<string, string>> = { deployment: 'replicaset', cronjob: 'job' };
const kindNames: Readonly<Record<string, string>> = { replicaset: 'ReplicaSet', job: 'Job' };

type Warn = (message: string) => void;

/**
 * What a cluster's API server tells of workloads and their pods. What this user may not read of it costs no more than it has
 * to; `warn` is told of each once.
 */
export function clusterDirectory(cluster: Cluster, warn: Warn): WorkloadDirectory {
  const told = new Set<string>();
  const warnOnce = (message: string): void => {
    if (!told.has(message)) warn(message);
    told.add(message);
  };
  return {
    workloads: (subject) => clusterWorkloads(cluster, subject, warnOnce),
    profiles: () => clusterProfiles(cluster, warnOnce),
    gatewayRoutes: (subject) => clusterRoutes(cluster, subject, warnOnce),
    close: () => cluster.client.close(),
  };
}

/** None where the kind is not installed, or this user may not see it: then routes are those that were counted. */
async function clusterProfiles({ client, namespace }: Cluster, warn: Warn): Promise<ServiceProfile[]> {
  const { group, plural, versions } = serviceProfile;
  const api = `/apis/${group}/${versions[0].name}`;
  const places = [
    { path: `${api}/${plural}`, without: `only profiles of namespace ${namespace} are read` },
    { path: `${api}/namespaces/${namespace}/${plural}`, without: 'routes without a request are not shown' },
  ];
  for (const place of places) {
    try {
      return await listAll<ServiceProfile>(client, place.path);
    } catch (error) {
      if (isNotFound(error)) return [];
      if (!isRefused(error)) throw error;
      warn(`${place.without}: ${refusalText(error)}`);
    }
  }
  return [];
}

/** Of all groups that have the kind, in the newest version that is served and read. */
async function clusterRoutes({ client }: Cluster, subject: Subject, warn: Warn): Promise<RouteObject[] | undefined> {
  const { kind, namespace } = subject;
  const place = namespace === undefined ? '' : `namespaces/${namespace}/`;
  const found: RouteObject[] = [];
  for (const { group, plural, reads } of routeKindsOf(kind)) {
    for (const version of reads.versions) {
      try {
        const apiVersion = `${group}/${version}`;
        const items = await listAll<RouteObject>(client, `/apis/${apiVersion}/${place}${plural}`, selectors(subject));
        // Items of a list need not say what they are.
        found.push(...items.map((item) => ({ ...item, apiVersion })));
        break;
      } catch (error) {
        if (isNotFound(error)) continue;
        // Which of those that were counted have the labels that are asked for is not known without them.
        if (!isRefused(error) || subject.selector !== undefined) throw error;
        warn(`routes without traffic are not shown: ${refusalText(error)}`);
        return undefined;
      }
    }
  }
  return found;
}

const selectors = ({ name, selector }: Subject): Readonly<Record<string, string>> => ({
  ...(selector === undefined ? {} : { labelSelector: selector }),
  ...(name === undefined ? {} : { fieldSelector: `metadata.name=${name}` }),
});

type Owner = Pick<KubernetesObject, 'metadata'>;

async function clusterWorkloads(cluster: Cluster, subject: Subject, warn: Warn): Promise<Workload[]> {
  const { kind } = subject;
  const found = await podsOf(cluster, subject, warn);
  // A pod that has run to its end carries nothing any more.
  const pods = found.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  const lacking = await lackingSidecars(cluster, namespaceOf(subject), found, warn);
  const withLacking = (workload: Workload): Workload => ({ ...workload, lackingSidecars: lacking });
  if (kind === 'service') {
    const services = await listAll(cluster.client, path(kind, subject.namespace), selectors(subject), slimService);
    return selectedBy(services, pods).map(withLacking);
  }
  const owners = await ownersOf(cluster, subject, warn);
  const byOwner = Map.groupBy(
    pods,
    (pod) => `${kind === 'namespace' ? '' : pod.metadata.namespace} ${ownerName(pod, kind)}`,
  );
  const workloads = (owners ?? ownersInPods(pods, subject)).map(({ metadata }) => ({
    namespace: kind === 'namespace' ? metadata.name : (metadata.namespace ?? ''),
    name: metadata.name,
    pods: byOwner.get(`${kind === 'namespace' ? '' : metadata.namespace} ${metadata.name}`) ?? [],
  }));
  return workloads.map(withLacking);
}

/** Where the pods are; undefined for all namespaces. */
const namespaceOf = ({ kind, name, namespace }: Subject): string | undefined =>
  kind === 'namespace' ? name : namespace;

function path(kind: string, namespace: string | undefined): string {
  const [api, plural] = collections[kind];
  return namespace === undefined || kind === 'namespace'
    ? `${api}/${plural}`
    : `${api}/namespaces/${namespace}/${plural}`;
}

/** With the owners of their owners, such as the Deployment of their ReplicaSet, among their own. */
async function podsOf({ client, namespace: usual }: Cluster, subject: Subject, warn: Warn): Promise<Pod[]> {
  const { kind, name } = subject;
  const namespace = namespaceOf(subject);
  const listPods = (place: string | undefined): Promise<Pod[]> => listAll(client, path('pod', place), {}, slimPod);
  const pods = await listPods(namespace).catch((error) => {
    if (!isRefused(error) || kind !== 'namespace' || name !== undefined) throw error;
    warn(`only namespace ${usual} is looked at: ${refusalText(error)}`);
    return listPods(usual);
  });
  const middle = between[kind];
  if (middle === undefined) return pods;
  try {
    return withOwners(pods, kindNames[middle], await listAll(client, path(middle, namespace), {}, slim));
  } catch (error) {
    if (!isRefused(error)) throw error;
    warn(`whose pods they are is told by the names of their ${collections[middle][1]}: ${refusalText(error)}`);
    return withNamedOwners(pods);
  }
}

/** Undefined where this user may not see them. */
async function ownersOf({ client }: Cluster, subject: Subject, warn: Warn): Promise<readonly Owner[] | undefined> {
  const { kind, name, namespace, selector } = subject;
  try {
    if (kind === 'namespace' && name !== undefined && selector === undefined) {
      // By its name, since a Role can allow that, and no list.
      const found = await getIfThere<Owner>(client, `${path(kind, undefined)}/${name}`);
      return found === undefined ? [] : [found];
    }
    return await listAll<KubernetesObject>(client, path(kind, namespace), selectors(subject), slim);
  } catch (error) {
    // Which of them have the labels that are asked for, their pods do not tell.
    if (!isRefused(error) || selector !== undefined) throw error;
    warn(`only ${collections[kind][1]} with pods are known: ${refusalText(error)}`);
    return undefined;
  }
}

/** What pods say of what they belong to. */
function ownersInPods(pods: readonly Pod[], { kind, name }: Subject): Owner[] {
  const found = new Map<string, Owner>();
  for (const pod of pods) {
    const owner = ownerName(pod, kind);
    if (owner === undefined || (name !== undefined && owner !== name)) continue;
    const metadata = { name: owner, ...(kind === 'namespace' ? {} : { namespace: pod.metadata.namespace }) };
    found.set(`${metadata.namespace}/${owner}`, { metadata });
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, owner]) => owner);
}

/** What is read of an owner. Held whole, a cluster's ReplicaSets alone are larger than all that its sidecars tell. */
function slim<T extends KubernetesObject>({ apiVersion, kind, metadata }: T): T {
  const { namespace, name, labels, ownerReferences } = metadata;
  return { apiVersion, kind, metadata: { namespace, name, labels, ownerReferences } } as T;
}

const slimService = (service: Service): Service => ({ ...slim(service), spec: { selector: service.spec?.selector } });

const ofMesh: ReadonlySet<string> = new Set(Object.values(meshVariables));

/** What is read of a pod that has a sidecar; whether one was to have one hangs on the whole pod. */
function slimPod(pod: Pod): Pod {
  const sidecar = sidecarOf(pod);
  if (sidecar === undefined) return pod;
  const { phase, podIP } = pod.status ?? {};
  const spec = {
    serviceAccountName: pod.spec?.serviceAccountName,
    containers: [
      {
        name: sidecar.name,
        readinessProbe: sidecar.readinessProbe,
        env: sidecar.env?.filter(({ name }) => ofMesh.has(name)),
      },
    ],
  };
  return { ...slim(pod), spec, status: { phase, podIP } };
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
