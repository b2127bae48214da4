import pino from 'pino';
import { Registry } from 'prom-client';
import { type ClientOptions, KubernetesClient } from '../../../control-plane/kubernetes/client.ts';
import { kubeconfigAccess } from '../../../control-plane/kubernetes/kubeconfig.ts';
import { type Kind, kindInfo } from '../../../control-plane/sources/kinds.ts';
import { KubernetesSource } from '../../../control-plane/sources/kubernetes-source.ts';
import { objectKey } from '../../../control-plane/sources/object-key.ts';
import type { ReadTimes } from '../../../control-plane/sources/read-times.ts';
import type { Scope } from '../../../control-plane/sources/scope.ts';
import type { KubernetesObject } from '../../../lib/kinds/kubernetes-object.ts';
import type { TestApiServer } from './api-server.ts';

/** A source under test, with what it told. */
export class WatchedSource {
  readonly source: KubernetesSource;
  readonly registry = new Registry();
  /** The objects that the events told so far leave, by kind and key. */
  readonly objects = new Map<Kind, Map<string, KubernetesObject>>();
  /** Events that do not follow from those before: an object added twice, say. Must stay empty. */
  readonly contradictions: string[] = [];
  readonly logged: Record<string, unknown>[] = [];

  constructor(
    client: KubernetesClient,
    kinds: readonly Kind[],
    options: { times?: Partial<ReadTimes>; pageSize?: number; scope?: Scope } = {},
  ) {
    const log = pino({ level: 'debug' }, { write: (line) => void this.logged.push(JSON.parse(line)) });
    this.source = new KubernetesSource({
      client,
      log,
      registry: this.registry,
      now: Date.now,
      random: Math.random,
      pageSize: options.pageSize,
      scope: options.scope,
      times: {
        backOff: { firstMs: 20, maxMs: 500 },
        absentRetryMs: 200,
        forbiddenRetryMs: 200,
        namespaceMs: 200,
        ...options.times,
      },
    });
    for (const kind of kinds) this.follow(kind);
  }

  /** The keys of the objects of a kind, sorted. */
  keys(kind: Kind): string[] {
    return [...(this.objects.get(kind)?.keys() ?? [])].sort();
  }

  /** A metric's value for these labels; 0 when it was never counted. */
  async count(name: string, labels: Record<string, string>): Promise<number> {
    const metric = await this.registry.getSingleMetric(`kubernetes_source_${name}`)?.get();
    const matching = metric?.values.filter((value) =>
      Object.entries(labels).every(([label, wanted]) => value.labels[label] === wanted),
    );
    return (matching ?? []).reduce((sum, { value }) => sum + value, 0);
  }

  private follow(kind: Kind): void {
    const objects = new Map<string, KubernetesObject>();
    this.objects.set(kind, objects);
    this.source.watch(kind, ({ type, object }) => {
      const key = objectKey(object);
      if (objects.has(key) === (type === 'added')) this.contradictions.push(`${type} ${kind} ${key}`);
      if (type === 'deleted') objects.delete(key);
      else objects.set(key, object);
    });
  }
}

/** A client of the server as administrator, by way of a proxy's port. */
export async function clientThrough(
  server: TestApiServer,
  port: number,
  options: ClientOptions = {},
): Promise<KubernetesClient> {
  const kubeconfig = server.kubeconfigFor({ server: `https://127.0.0.1:${port}` });
  return new KubernetesClient(await kubeconfigAccess(kubeconfig, { onProblem: () => {} }), options);
}

/** A definition of an optional kind that takes any spec; the versions are those of the table, or the ones given. */
export function definition(kind: Kind, versions: readonly string[] = kindInfo[kind].versions): object {
  const { group, kind: name, plural } = kindInfo[kind];
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      // Groups of Kubernetes' own are protected; this is not the real definition.
      annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
    },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind: name, plural, singular: name.toLowerCase() },
      versions: versions.map((version, index) => ({
        name: version,
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: open, status: open } } },
      })),
    },
  };
}

/** Runs `work` on each item, some at a time. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const iterator = items.values();
  await Promise.all(
    Array.from({ length: 24 }, async () => {
      for (const item of iterator) await work(item);
    }),
  );
}
