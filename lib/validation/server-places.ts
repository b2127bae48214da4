import { selects } from '../contract/labels.ts';
import { proxyContainerName } from '../contract/names.ts';
import { explicitPortsOf } from '../inject/explicit-ports.ts';
import { runningContainers } from '../inject/ports.ts';
import { soundPod } from '../inject/shape.ts';
import { templateAt, templatePath } from '../inject/workload.ts';
import type { Server } from '../kinds/server.ts';
import { type GuardedPort, type GuardedWorkload, guardedWorkload } from './guarded-workload.ts';
import { type Entry, type KnownObject, type ManifestModel, objectsOf, type PodEntry } from './manifest-model.ts';

/** A workload, and the Servers that select its pods. */
export interface ServedWorkload<E extends Entry> {
  readonly entry: E & PodEntry;
  readonly workload: GuardedWorkload;
  readonly servers: readonly KnownObject<E, Server>[];
  /** Its sidecar intercepts nothing: who calls a pod by its address, as the kubelet does, finds the application. */
  readonly isExplicit: boolean;
}

const served = new WeakMap<object, readonly ServedWorkload<Entry>[]>();

/** The workloads, meshed or not, with their Servers. */
export function servedWorkloads<E extends Entry>(model: ManifestModel<E>): readonly ServedWorkload<E>[] {
  const known = served.get(model) as readonly ServedWorkload<E>[] | undefined;
  if (known !== undefined) return known;
  const servers = new Map<string, KnownObject<E, Server>[]>();
  for (const server of objectsOf(model, 'Server')) {
    const others = servers.get(server.namespace);
    if (others === undefined) servers.set(server.namespace, [server]);
    else others.push(server);
  }
  const found = model.pods.flatMap((entry): ServedWorkload<E>[] => {
    const path = templatePath(entry.given);
    const template = path && templateAt(entry.given, path);
    const read = template && soundPod(template);
    if (read === undefined || 'misshape' in read) return [];
    const workload = guardedWorkload(entry.given, read.pod, model.config, model.namespaces);
    const own = (servers.get(workload.namespace) ?? []).filter(
      ({ object: { spec } }) => spec.podSelector != null && selects(spec.podSelector, workload.labels),
    );
    const sidecar = runningContainers(entry.pod.spec ?? {}).find((container) => container.name === proxyContainerName);
    return [{ entry, workload, servers: own, isExplicit: explicitPortsOf(sidecar).size > 0 }];
  });
  served.set(model, found);
  return found;
}

/** The Servers of a port, by its number or its name. */
export const serversOfPort = <E extends Entry>(
  { servers }: ServedWorkload<E>,
  { number, name }: GuardedPort,
): readonly KnownObject<E, Server>[] =>
  servers.filter(({ object: { spec } }) => spec.port === number || (name !== undefined && spec.port === name));
