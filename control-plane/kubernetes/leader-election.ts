import type { V1Lease, V1LeaseSpec } from '@kubernetes/client-node';
import { isConflict, type KubernetesApi } from './api.ts';
import type { InJson, Stored } from './in-json.ts';
import { getIfThere } from './shared-object.ts';

export interface LeaderElectionOptions {
  readonly api: KubernetesApi;
  /** Namespace and name of the Lease, which is made when it is not there. */
  readonly namespace: string;
  readonly name: string;
  /** Unique for each candidate, such as the pod's name and a random suffix. */
  readonly identity: string;
  /** Called when this candidate becomes the leader. */
  readonly onElected: () => void;
  /** Called when it no longer is, by then at the latest: another may lead soon. Not called by `stop`. */
  readonly onLost: (reason: string) => void;
  /** Told of each try that failed; the next follows by itself. */
  readonly onProblem: (message: string) => void;
  /** Milliseconds that never go back, such as `performance.now`. */
  readonly now: () => number;
  /** What is written into the Lease for people to read. */
  readonly date: () => Date;
  readonly random: () => number;
  /** How long others wait after the last renewal that they saw. Default 30 s; whole seconds. */
  readonly leaseMs?: number;
}

type Lease = Stored<V1Lease>;
type LeaseSpec = InJson<V1LeaseSpec>;

type Result = 'held' | 'taken' | 'unknown';

/**
 * One of several candidates leads, by holding a Lease of coordination.k8s.io. The rules are those of client-go: whoever
 * holds it renews it each third of its time and gives up at two thirds without a renewal, before anybody may take it
 * over. Others compare no clocks: the time runs from when they saw the Lease change.
 */
export class LeaderElection {
  private readonly options: LeaderElectionOptions;
  private readonly leaseMs: number;
  private readonly collection: string;
  /** The Lease as last seen, and when it was first seen like that. */
  private observed: { readonly version: string | undefined; readonly atMs: number } | undefined = undefined;
  private leadingNow = false;
  private retry: NodeJS.Timeout | undefined = undefined;
  private expiry: NodeJS.Timeout | undefined = undefined;
  private attempt: Promise<void> | undefined = undefined;
  private stopped = false;

  constructor(options: LeaderElectionOptions) {
    this.options = options;
    this.leaseMs = options.leaseMs ?? 30_000;
    this.collection = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
  }

  get leading(): boolean {
    return this.leadingNow && !this.stopped;
  }

  start(): void {
    this.stopped = false;
    this.tryNow();
  }

  /** Ends the candidature, and frees the Lease for others when this candidate held it. Never rejects. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.retry);
    await this.attempt;
    clearTimeout(this.expiry);
    if (!this.leadingNow) return;
    this.leadingNow = false;
    try {
      const lease = await this.options.api.get<Lease>(this.path);
      if (lease.spec?.holderIdentity !== this.options.identity) return;
      const spec: LeaseSpec = {
        ...lease.spec,
        holderIdentity: '',
        leaseDurationSeconds: 1,
        renewTime: this.timestamp(),
      };
      await this.options.api.replace(this.path, { ...lease, spec });
    } catch (error) {
      this.options.onProblem(`the lease was not released, others wait for its end: ${(error as Error).message}`);
    }
  }

  private get path(): string {
    return `${this.collection}/${this.options.name}`;
  }

  private tryNow(): void {
    this.attempt = this.tryOnce();
  }

  private async tryOnce(): Promise<void> {
    const startedMs = this.options.now();
    let result: Result = 'unknown';
    try {
      result = await this.acquireOrRenew();
    } catch (error) {
      this.options.onProblem(`${this.path}: ${(error as Error).message}`);
    }
    if (result === 'held') this.hold(startedMs);
    if (result === 'taken') this.lose('another candidate holds the lease');
    if (this.stopped) return;
    const periodMs = result === 'unknown' ? this.leaseMs / 12 : this.leaseMs / 3;
    // Candidates that started together shall not ask together.
    this.retry = setTimeout(() => this.tryNow(), periodMs * (0.9 + 0.1 * this.options.random()));
    this.retry.unref();
  }

  private hold(startedMs: number): void {
    clearTimeout(this.expiry);
    // Counted from before the call: the server may have written it at any time since.
    const leftMs = startedMs + (this.leaseMs * 2) / 3 - this.options.now();
    if (leftMs <= 0) {
      this.lose('renewing took too long');
      return;
    }
    this.expiry = setTimeout(() => this.lose('the lease could not be renewed in time'), leftMs);
    this.expiry.unref();
    if (this.leadingNow) return;
    this.leadingNow = true;
    if (!this.stopped) this.tell(this.options.onElected);
  }

  private lose(reason: string): void {
    clearTimeout(this.expiry);
    if (!this.leadingNow) return;
    this.leadingNow = false;
    this.tell(() => this.options.onLost(reason));
  }

  /** A callback that throws must not end the candidature. */
  private tell(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.options.onProblem(`${this.path}: a callback failed: ${(error as Error).message}`);
    }
  }

  private async acquireOrRenew(): Promise<Result> {
    const { api, identity, name, namespace } = this.options;
    const lease = await getIfThere<Lease>(api, this.path);
    if (lease === undefined) {
      return this.write(() =>
        api.create<Lease>(this.collection, {
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: { name, namespace },
          spec: this.spec({}, true),
        }),
      );
    }
    const { resourceVersion } = lease.metadata;
    if (this.observed === undefined || this.observed.version !== resourceVersion)
      this.observed = { version: resourceVersion, atMs: this.options.now() };
    const spec = lease.spec ?? {};
    const mine = spec.holderIdentity === identity;
    const endMs = this.observed.atMs + (spec.leaseDurationSeconds ?? this.leaseMs / 1000) * 1000;
    if (spec.holderIdentity && !mine && endMs > this.options.now()) return 'taken';
    // With its resourceVersion, only one candidate's write gets through.
    return this.write(() => api.replace<Lease>(this.path, { ...lease, spec: this.spec(spec, !mine) }));
  }

  private async write(call: () => Promise<Lease>): Promise<Result> {
    try {
      const { metadata } = await call();
      this.observed = { version: metadata.resourceVersion, atMs: this.options.now() };
      return 'held';
    } catch (error) {
      // Somebody else was faster, or changed a label: the next look tells.
      if (isConflict(error)) return 'unknown';
      throw error;
    }
  }

  private spec(before: LeaseSpec, acquires: boolean): LeaseSpec {
    const now = this.timestamp();
    const transitions = before.leaseTransitions ?? 0;
    return {
      holderIdentity: this.options.identity,
      leaseDurationSeconds: Math.max(1, Math.round(this.leaseMs / 1000)),
      acquireTime: acquires ? now : (before.acquireTime ?? now),
      renewTime: now,
      leaseTransitions: acquires && before.holderIdentity !== undefined ? transitions + 1 : transitions,
    };
  }

  /** MicroTime. */
  private timestamp(): string {
    return this.options.date().toISOString().replace('Z', '000Z');
  }
}
