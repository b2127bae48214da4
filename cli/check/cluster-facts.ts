import type {
  V1ContainerStatus,
  V1Deployment,
  V1MutatingWebhookConfiguration,
  V1PodCondition,
  V1Secret,
  V1ValidatingWebhookConfiguration,
} from '@kubernetes/client-node';
import type { InJson, Stored } from '../../control-plane/kubernetes/in-json.ts';
import { getIfThere } from '../../control-plane/kubernetes/shared-object.ts';
import { componentLabel, controlPlaneNamespaceLabel } from '../../lib/contract/labels.ts';
import type { Manifest, Metadata, PodTemplate } from '../../lib/inject/index.ts';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';
import type { Namespace } from '../../lib/kinds/namespace.ts';
import type { Node } from '../../lib/kinds/node.ts';
import type { Pod } from '../../lib/kinds/pod.ts';
import type { Service } from '../../lib/kinds/service.ts';
import { upgradeInstall } from '../../lib/mesh/stored-install.ts';
import { synthMesh } from '../../synth/mesh.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { type InstalledMesh, installedMesh } from '../cluster/installed-mesh.ts';
import { listAll } from '../cluster/objects.ts';
import { CheckFailure } from './check.ts';
import type { AskedResources } from './resource-needs.ts';

export type ContainerStatus = InJson<V1ContainerStatus>;
export type Deployment = Stored<V1Deployment>;
export type Secret = Stored<V1Secret>;
export type WebhookConfiguration = Stored<V1MutatingWebhookConfiguration | V1ValidatingWebhookConfiguration>;

/** A pod with what the kubelet says of its containers. */
export type CheckedPod = Omit<Pod, 'status'> & {
  readonly status?: Omit<NonNullable<Pod['status']>, 'conditions'> & {
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly conditions?: readonly InJson<V1PodCondition>[];
  };
};

/** What checks read of a cluster: each thing once, until it is to be read again. */
export class ClusterFacts {
  readonly meshNamespace: string;
  private readonly open: () => Promise<Cluster>;
  private connected: Cluster | undefined = undefined;
  private readonly known = new Map<string, Promise<unknown>>();

  constructor(meshNamespace: string, open: () => Promise<Cluster>) {
    this.meshNamespace = meshNamespace;
    this.open = open;
  }

  /** Comes before everything else. Rejects with what is wrong with the kubeconfig. */
  async connect(): Promise<void> {
    this.connected = await this.open();
  }

  get cluster(): Cluster {
    if (this.connected === undefined) throw new Error('the cluster is asked before it is connected');
    return this.connected;
  }

  close(): void {
    this.connected?.client.close();
  }

  /** Everything is read anew from now on. */
  refresh(): void {
    this.known.clear();
  }

  version(): Promise<{ readonly gitVersion: string; readonly major: string; readonly minor: string }> {
    return this.once('version', () => this.cluster.client.get('/version'));
  }

  /** Rejects with a CheckFailure when no mesh is installed. */
  installed(): Promise<InstalledMesh> {
    return this.once('installed', async () => {
      const { client } = this.cluster;
      const { meshNamespace } = this;
      const found = await installedMesh(client, meshNamespace);
      if (found === undefined) {
        throw new CheckFailure(`no mesh is installed in namespace ${meshNamespace}: 'tulle install' prints it`);
      }
      return found;
    });
  }

  /** What should be there: the manifests of this version with the settings of the install. */
  expected(kind: string): Promise<Manifest[]> {
    return this.once(`expected ${kind}`, async () => {
      const { stored } = await this.installed();
      const install = upgradeInstall(stored, { version: stored.given.version });
      return synthMesh({ _install: install }).filter((object) => object.kind === kind);
    });
  }

  /** Pods of the control plane, with the name of their component. */
  controlPlanePods(): Promise<(CheckedPod & { readonly component: string })[]> {
    return this.once('control plane pods', async () => {
      const path = `/api/v1/namespaces/${this.meshNamespace}/pods`;
      const pods = await listAll<CheckedPod>(this.cluster.client, path, { labelSelector: componentLabel });
      return pods.map((pod) => ({ ...pod, component: pod.metadata.labels?.[componentLabel] ?? '' }));
    });
  }

  /** Pods with a sidecar that are neither the control plane's nor done; of one namespace, or all. */
  dataPlanePods(namespace: string | undefined): Promise<CheckedPod[]> {
    return this.once(`data plane pods ${namespace}`, async () => {
      const { client } = this.cluster;
      const { meshNamespace } = this;
      const path = namespace === undefined ? '/api/v1/pods' : `/api/v1/namespaces/${namespace}/pods`;
      const labelSelector = `${controlPlaneNamespaceLabel}=${meshNamespace},!${componentLabel}`;
      const pods = await listAll<CheckedPod>(client, path, { labelSelector });
      return pods.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
    });
  }

  /** Pods without the label that injection gives; of one namespace, or all. */
  unlabelledPods(namespace: string | undefined): Promise<Pod[]> {
    return this.once(`unlabelled pods ${namespace}`, () => {
      const path = namespace === undefined ? '/api/v1/pods' : `/api/v1/namespaces/${namespace}/pods`;
      return listAll<Pod>(this.cluster.client, path, { labelSelector: `!${controlPlaneNamespaceLabel}` });
    });
  }

  pods(): Promise<Pod[]> {
    return this.once('pods', () => listAll<Pod>(this.cluster.client, '/api/v1/pods'));
  }

  nodes(): Promise<Node[]> {
    return this.once('nodes', () => listAll<Node>(this.cluster.client, '/api/v1/nodes'));
  }

  services(namespace?: string): Promise<(Service & { spec?: { selector?: Record<string, string> } })[]> {
    const path = namespace === undefined ? '/api/v1/services' : `/api/v1/namespaces/${namespace}/services`;
    return this.once(path, () => listAll(this.cluster.client, path));
  }

  /** Autoscalers, quotas and limits; of one namespace, or all. */
  async askedResources(namespace: string | undefined): Promise<AskedResources> {
    const list = (api: string, plural: string): Promise<Manifest[]> => {
      const path = namespace === undefined ? `${api}/${plural}` : `${api}/namespaces/${namespace}/${plural}`;
      return this.once(path, () => listAll<Manifest & KubernetesObject>(this.cluster.client, path));
    };
    const [autoscalers, quotas, limitRanges, meshed, namespaces] = await Promise.all([
      list('/apis/autoscaling/v2', 'horizontalpodautoscalers'),
      list('/api/v1', 'resourcequotas'),
      list('/api/v1', 'limitranges'),
      this.dataPlanePods(namespace),
      namespace === undefined ? this.namespaces() : this.namespace(namespace).then((found) => (found ? [found] : [])),
    ]);
    return {
      ...{ autoscalers, quotas, limitRanges },
      meshed: meshed as unknown as PodTemplate[],
      namespaces: namespaces.map(({ metadata }) => metadata as Metadata),
    };
  }

  namespace(name: string): Promise<Namespace | undefined> {
    return this.object(`/api/v1/namespaces/${name}`);
  }

  namespaces(): Promise<Namespace[]> {
    return this.once('namespaces', () => listAll<Namespace>(this.cluster.client, '/api/v1/namespaces'));
  }

  /** The object at a path, undefined when there is none. */
  object<T>(path: string): Promise<T | undefined> {
    return this.once(path, () => getIfThere<T>(this.cluster.client, path));
  }

  private once<T>(name: string, read: () => Promise<T>): Promise<T> {
    const known = this.known.get(name);
    if (known !== undefined) return known as Promise<T>;
    const reading = read();
    this.known.set(name, reading);
    return reading;
  }
}
