import type { Metadata, PodTemplate } from '../../lib/inject/index.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';

/** A workload that pods belong to. */
export interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid?: string;
}

export interface OwnersOptions {
  readonly api: Pick<KubernetesApi, 'get'>;
  /** How long an admission waits for the API server. Default 500 ms. */
  readonly timeoutMs?: number;
  /** Owners that are remembered. Default 4096. */
  readonly capacity?: number;
  readonly onProblem: (message: string) => void;
}

/** Kinds that another workload makes, and where they stand in the API. */
const intermediate: Readonly<Record<string, { readonly api: string; readonly plural: string }>> = {
  'apps/ReplicaSet': { api: '/apis/apps/v1', plural: 'replicasets' },
  'batch/Job': { api: '/apis/batch/v1', plural: 'jobs' },
};

/** Beyond these, pods get the owner that can be told without the API server. */
const maxLookUps = 64;

/**
 * Finds the workload at the root of a pod's owners: the Deployment of its ReplicaSet, the CronJob of its Job. What owns
 * an object never changes, so answers are kept, and pods that come together wait for one.
 */
export class Owners {
  private readonly options: OwnersOptions;
  private readonly known = new Map<string, Owner>();
  private readonly asked = new Map<string, Promise<Owner>>();

  constructor(options: OwnersOptions) {
    this.options = options;
  }

  /** Undefined for a pod that nothing owns. Never rejects, and takes no longer than the time out. */
  async rootOf(pod: PodTemplate, namespace: string): Promise<Owner | undefined> {
    const direct = controllerOf(pod.metadata);
    if (direct === undefined) return undefined;
    const kind = intermediate[`${direct.apiVersion.split('/')[0]}/${direct.kind}`];
    if (kind === undefined || direct.uid === undefined) return direct;
    // Whoever reaches the webhook chooses these names.
    const [inNamespace, name] = [namespace, direct.name].map(encodeURIComponent);
    const path = `${kind.api}/namespaces/${inNamespace}/${kind.plural}/${name}`;
    // Whoever creates a pod chooses the uid too: it must not lead to the owner of a pod elsewhere.
    const key = `${path} ${direct.uid}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const asked = this.asked.get(key) ?? this.ask(direct, key, path);
    if (asked === undefined) return guess(direct, pod.metadata);
    return this.within(asked).catch((error: Error) => {
      this.options.onProblem(`owner of ${direct.kind} ${namespace}/${direct.name} not found: ${error.message}`);
      return guess(direct, pod.metadata);
    });
  }

  private ask(direct: Owner, key: string, path: string): Promise<Owner> | undefined {
    if (this.asked.size >= maxLookUps) return undefined;
    const found = this.options.api
      .get<{ metadata?: Metadata }>(path)
      .then(({ metadata }) => {
        const root = controllerOf(metadata) ?? direct;
        this.remember(key, root);
        return root;
      })
      .finally(() => this.asked.delete(key));
    this.asked.set(key, found);
    return found;
  }

  private remember(key: string, root: Owner): void {
    this.known.set(key, root);
    if (this.known.size <= (this.options.capacity ?? 4096)) return;
    this.known.delete(this.known.keys().next().value as string);
  }

  private async within(found: Promise<Owner>): Promise<Owner> {
    const { timeoutMs = 500 } = this.options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      return await Promise.race([found, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function controllerOf(metadata: Metadata | undefined): Owner | undefined {
  const references = metadata?.ownerReferences ?? [];
  const reference = references.find(({ controller }) => controller === true) ?? references[0];
  if (reference === undefined) return undefined;
  const { apiVersion, kind, name, uid } = reference;
  return { apiVersion: String(apiVersion), kind, name, ...(typeof uid === 'string' ? { uid } : {}) };
}

/** A Deployment names its ReplicaSets after itself and the hash that it labels their pods with. */
function guess(direct: Owner, metadata: Metadata | undefined): Owner {
  const hash = metadata?.labels?.['pod-template-hash'];
  if (direct.kind !== 'ReplicaSet' || !hash || !direct.name.endsWith(`-${hash}`)) return direct;
  return { apiVersion: 'apps/v1', kind: 'Deployment', name: direct.name.slice(0, -hash.length - 1) };
}
