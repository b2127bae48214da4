import type { Rule } from '../finding.ts';
import { type Entry, type ManifestModel, nameOf, objectsOf } from '../manifest-model.ts';
import { type ServedWorkload, servedWorkloads, serversOfPort } from '../server-places.ts';

/** A Server is of a port that pods have, where the manifests are those of its namespace. */
export const serversOfPods: Rule = {
  id: 'server-of-nothing',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const inhabited = new Set<string>();
    const selected = new Map<object, ServedWorkload<E>[]>();
    for (const served of servedWorkloads(model)) {
      inhabited.add(served.workload.namespace);
      for (const server of served.servers) selected.set(server, [...(selected.get(server) ?? []), served]);
    }
    for (const server of objectsOf(model, 'Server')) {
      const { entry: at, object, namespace } = server;
      if (object.spec.podSelector == null || !inhabited.has(namespace)) continue;
      const workloads = selected.get(server) ?? [];
      if (workloads.length === 0) {
        yield {
          ...{ severity: 'warning' as const, at, field: 'spec.podSelector' },
          message: `selects none of the pods of ${namespace} among the manifests, so that it holds for nobody`,
          fix: 'correct the labels; if the workload is made elsewhere, nothing',
        };
        continue;
      }
      const has = (one: ServedWorkload<E>): boolean =>
        one.workload.ports.some((port) => serversOfPort(one, port).includes(server));
      if (workloads.some(has)) continue;
      const [{ entry, workload }] = workloads;
      const ports = workload.ports.map(({ number, name }) =>
        name === undefined ? `${number}` : `${number} (${name})`,
      );
      yield {
        ...{ severity: 'warning' as const, at, field: 'spec.port' },
        message: `(${object.spec.port}) is no port that ${nameOf(entry.manifest)} names, which has ${ports.join(', ') || 'none'}`,
        fix: 'correct it, or name it among the ports of the container that listens there',
      };
    }
  },
};
