import type { Rule } from '../finding.ts';
import { isInjectionKnown } from '../known-injection.ts';
import { type Entry, type ManifestModel, nameOf, namespaceOf } from '../manifest-model.ts';
import { accountsNamed } from '../named-accounts.ts';
import { servedWorkloads, serversOfPort } from '../server-places.ts';

/** What is said of who may call a workload is held by its sidecar. */
export const guardedIsMeshed: Rule = {
  id: 'guarded-without-sidecar',
  *check<E extends Entry>(model: ManifestModel<E>) {
    for (const served of servedWorkloads(model)) {
      const { entry, workload, servers } = served;
      if (entry.isMeshed || servers.length === 0 || !isInjectionKnown(model, entry)) continue;
      const [server] = workload.ports
        .flatMap((port) => serversOfPort(served, port))
        .filter(({ object: { spec } }) => {
          const { matchLabels = {}, matchExpressions = [] } = spec.podSelector ?? {};
          return Object.keys(matchLabels).length + matchExpressions.length > 0; // else it means whoever has a sidecar
        });
      if (server === undefined) continue;
      yield {
        ...{ severity: 'error' as const, at: entry as E, field: '' },
        message: `has no sidecar, and ${nameOf(server.entry.manifest)} says who may call it: nobody is held to that`,
        fix: 'mesh it, or say nothing of it',
      };
    }
  },
};

/** Whoever is let in by an identity proves one, by a sidecar. */
export const callersAreMeshed: Rule = {
  id: 'unmeshed-caller',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const runners = new Map<string, (E & ManifestModel<E>['pods'][number])[]>();
    for (const entry of model.pods) {
      const key = `${namespaceOf(entry.manifest)}/${entry.pod.spec?.serviceAccountName ?? 'default'}`;
      const others = runners.get(key);
      if (others === undefined) runners.set(key, [entry]);
      else others.push(entry);
    }
    for (const { at, field, namespace, name } of accountsNamed(model)) {
      const all = runners.get(`${namespace}/${name}`) ?? [];
      if (all.length === 0 || all.some((entry) => entry.isMeshed || !isInjectionKnown(model, entry))) continue;
      yield {
        ...{ severity: 'error' as const, at, field },
        message: `lets in the account ${namespace}/${name}, as which ${nameOf(all[0].manifest)} runs, without a sidecar: it proves no identity, and is refused`,
        fix: 'mesh it, or let it in by its network (NetworkAuthentication)',
      };
    }
  },
};
