import { Problems } from '../../../lib/kinds/problems.ts';
import { type ReferenceGrant, referenceGrant } from '../../../lib/kinds/reference-grant.ts';
import { checkValue } from '../../../lib/kinds/structural-check.ts';
import { objectKey } from '../../sources/object-key.ts';
import { isKind } from '../routes/references.ts';

/** What names an object of another namespace. */
export interface Referrer {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
}

/** ReferenceGrants by the namespace whose objects they let others name. */
export class GrantIndex {
  private readonly byNamespace = new Map<string, Map<string, ReferenceGrant>>();

  /** Takes a grant as it is now; one of a shape that is not known grants nothing. Returns its namespace. */
  set(grant: ReferenceGrant, deleted: boolean): string {
    const { namespace = 'default' } = grant.metadata;
    const grants = this.byNamespace.get(namespace) ?? new Map<string, ReferenceGrant>();
    if (deleted || !isWellFormed(grant)) grants.delete(objectKey(grant));
    else grants.set(objectKey(grant), grant);
    if (grants.size === 0) this.byNamespace.delete(namespace);
    else this.byNamespace.set(namespace, grants);
    return namespace;
  }

  /** Whether a grant lets `referrer` name a Service, `namespace/name`. */
  permits(referrer: Referrer, service: string): boolean {
    const [namespace, name] = service.split('/');
    for (const { spec } of this.byNamespace.get(namespace)?.values() ?? []) {
      const isFrom = spec.from.some((from) => isReferrer(from, referrer));
      if (isFrom && spec.to.some((to) => isKind(to, '', 'Service') && (!to.name || to.name === name))) return true;
    }
    return false;
  }
}

const isReferrer = (from: Referrer, { group, kind, namespace }: Referrer): boolean =>
  from.namespace === namespace && isKind(from, group, kind);

/** Its definition is not the mesh's, and a folder of manifests has none. */
function isWellFormed({ spec }: ReferenceGrant): boolean {
  const problems = new Problems();
  checkValue(referenceGrant.shape!, { spec }, '', problems);
  return problems.list.length === 0;
}
