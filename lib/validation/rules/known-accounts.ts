import type { Rule } from '../finding.ts';
import { type Entry, type ManifestModel, namespaceOf } from '../manifest-model.ts';
import { accountsNamed } from '../named-accounts.ts';

/** An account that nobody of a namespace runs as, where the manifests are those of the namespace, is most often a slip. */
export const knownAccounts: Rule = {
  id: 'unknown-account',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const named = [...accountsNamed(model)];
    if (named.length === 0) return;
    const accounts = new Set(
      model.ofKind('v1', 'ServiceAccount').map(({ manifest }) => `${namespaceOf(manifest)}/${manifest.metadata?.name}`),
    );
    const namespaces = new Set(model.namespaces.keys());
    for (const { manifest, pod } of model.pods) {
      namespaces.add(namespaceOf(manifest));
      accounts.add(`${namespaceOf(manifest)}/${pod.spec?.serviceAccountName ?? 'default'}`);
    }
    for (const { at, field, namespace, name } of named) {
      if (!namespaces.has(namespace) || accounts.has(`${namespace}/${name}`)) continue;
      yield {
        ...{ severity: 'warning' as const, at, field },
        message: `names the account ${namespace}/${name}, and nothing among the manifests makes it or runs as it there: nobody is let in by it`,
        fix: 'correct the name; if it is made elsewhere, nothing',
      };
    }
  },
};
