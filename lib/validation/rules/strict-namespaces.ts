import { injectAnnotation, setting } from '../../contract/annotations.ts';
import { isInboundPolicy } from '../../contract/inbound-policies.ts';
import type { Manifest } from '../../inject/kubernetes.ts';
import { templateAt, templatePath } from '../../inject/workload.ts';
import type { Rule } from '../finding.ts';
import { type Entry, type ManifestModel, namespaceOf } from '../manifest-model.ts';

/** A namespace says that its ports take few; a workload without sidecar takes everybody. */
export const strictNamespaces: Rule = {
  id: 'unmeshed-in-strict-namespace',
  *check<E extends Entry>({ namespaces, pods }: ManifestModel<E>) {
    for (const entry of pods) {
      const { given, isMeshed } = entry;
      const name = namespaceOf(given);
      const policy = setting(namespaces.get(name), 'default-inbound-policy') ?? '';
      const isStrict = isInboundPolicy(policy) && (policy === 'deny' || policy.endsWith('-authenticated'));
      if (!isStrict || isMeshed || isToldNot(given)) continue;
      yield {
        ...{ severity: 'error' as const, at: entry as E, field: '' },
        message: `is in the namespace ${name}, whose default-inbound-policy is '${policy}', and has no sidecar that would hold it`,
        fix: `mesh it, or say '${injectAnnotation}: disabled' on its pods if that is meant`,
      };
    }
  },
};

function isToldNot(manifest: Manifest): boolean {
  const path = templatePath(manifest);
  const metadata = path === undefined ? undefined : templateAt(manifest, path)?.metadata;
  return metadata?.annotations?.[injectAnnotation] === 'disabled';
}
