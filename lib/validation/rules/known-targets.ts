import { policyTargets } from '../../kinds/index.ts';
import type { Rule } from '../finding.ts';
import { type Entry, type ManifestModel, namespaceOf, objectsOf } from '../manifest-model.ts';

/** What policy is about is there, among the manifests of its namespace. */
export const knownTargets: Rule = {
  id: 'unknown-target',
  *check<E extends Entry>(model: ManifestModel<E>) {
    const known = new Set(
      policyTargets.flatMap(({ group, kind }) =>
        model.ofKind(group, kind).map(({ manifest }) => `${kind}/${namespaceOf(manifest)}/${manifest.metadata?.name}`),
      ),
    );
    const kinds = new Set(policyTargets.map(({ kind }) => kind));
    for (const { entry: at, object, namespace } of [
      ...objectsOf(model, 'AuthorizationPolicy'),
      ...objectsOf(model, 'HTTPLocalRateLimitPolicy'),
      ...objectsOf(model, 'RequestAuthentication'),
      ...objectsOf(model, 'ExternalAuthorization'),
    ]) {
      const { kind, name } = object.spec.targetRef;
      if (!kinds.has(kind) || known.has(`${kind}/${namespace}/${name}`)) continue;
      yield {
        ...{ severity: 'warning' as const, at, field: 'spec.targetRef.name' },
        message: `(${name}) is no ${kind} of ${namespace} among the manifests: without it nothing holds`,
        fix: 'correct the name; if it is made elsewhere, nothing',
      };
    }
  },
};
