import type { V1ListMeta } from '@kubernetes/client-node';
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import { controlPlaneNamespaceLabel } from '../../lib/contract/labels.ts';
import {
  type InjectConfig,
  lacksSidecar,
  type Metadata,
  type PlacedPod,
  type PodTemplate,
} from '../../lib/inject/index.ts';
import type { KubernetesApi } from '../kubernetes/api.ts';
import type { KubernetesEvent } from '../kubernetes/events.ts';
import type { InJson } from '../kubernetes/in-json.ts';
import { Poll } from '../polling/poll.ts';
import type { Owner } from './owners.ts';

export interface MissingSidecarsOptions {
  readonly api: Pick<KubernetesApi, 'get'>;
  /** Undefined as long as it could not be read. */
  readonly config: () => InjectConfig | undefined;
  readonly namespace: (name: string) => Promise<Metadata>;
  readonly owner: (pod: PodTemplate, namespace: string) => Promise<Owner | undefined>;
  readonly record: (subject: Owner & { readonly namespace: string }, event: KubernetesEvent) => void;
  readonly log: Logger;
  readonly registry: Registry;
  /** Between looks. Default 10 min. */
  readonly intervalMs?: number;
}

interface PodList {
  readonly metadata?: InJson<V1ListMeta>;
  readonly items?: readonly PlacedPod[];
}

const pageSize = 250;
/** Of those that are without a sidecar; what is beyond comes with a later look. */
const maxPods = 20_000;

/**
 * Looks for pods that were to have a sidecar and have none, since they were created while no injector answered (its
 * failure policy lets them pass) or before their namespace asked for it, and says so on their workloads: nothing else
 * would. The first look comes when the injector is back.
 */
export class MissingSidecars {
  private readonly options: MissingSidecarsOptions;
  private readonly missing: Gauge;
  private readonly poll: Poll;
  private problem: string | undefined = undefined;

  constructor(options: MissingSidecarsOptions) {
    this.options = options;
    this.missing = new Gauge({
      name: 'proxy_inject_missing_sidecars',
      help: 'Pods that were to have a sidecar and have none, at the last look.',
      registers: [options.registry],
    });
    this.poll = new Poll(() => this.look(), options.intervalMs ?? 10 * 60_000);
  }

  /** Looks now. Never rejects. */
  async look(): Promise<void> {
    const { log, config } = this.options;
    const current = config();
    if (current === undefined) return;
    try {
      let found = 0;
      let next: string | undefined;
      let seen = 0;
      do {
        const page: PodList = await this.page(next);
        for (const pod of page.items ?? []) if (await this.check(pod, current)) found++;
        seen += page.items?.length ?? 0;
        next = page.metadata?.continue || undefined;
      } while (next !== undefined && seen < maxPods);
      this.missing.set(found);
      if (found > 0)
        log.warn({ pods: found }, 'pods that were to have a sidecar have none: see the events of their workloads');
      this.problem = undefined;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.problem) log.warn({ error: message }, 'pods without a sidecar cannot be looked for');
      this.problem = message;
    }
  }

  close(): void {
    this.poll.close();
  }

  /** The API server leaves out those that have a sidecar. */
  private page(next: string | undefined): Promise<PodList> {
    const query = { labelSelector: `!${controlPlaneNamespaceLabel}`, limit: String(pageSize) };
    return this.options.api.get('/api/v1/pods', next === undefined ? query : { ...query, continue: next });
  }

  /** Whether it was to have a sidecar, by what the webhook would do with it now. */
  private async check(pod: PlacedPod, config: InjectConfig): Promise<boolean> {
    const namespaceName = pod.metadata?.namespace;
    if (namespaceName === undefined) return false;
    const namespace = { ...(await this.options.namespace(namespaceName)), name: namespaceName };
    if (!lacksSidecar(pod, config, namespace)) return false;
    const owner = await this.options.owner(pod, namespaceName);
    const own = { apiVersion: 'v1', kind: 'Pod', name: String(pod.metadata?.name) };
    this.options.record(
      { ...(owner ?? own), namespace: namespaceName },
      {
        type: 'Warning',
        reason: 'SidecarMissing',
        // Without the name of a pod, the pods of one workload make one event that is counted.
        message:
          'a pod runs without the sidecar that it was to have: it was created while no injector answered, or before its ' +
          'namespace asked for sidecars. Restart it, such as with kubectl rollout restart',
      },
    );
    return true;
  }
}
