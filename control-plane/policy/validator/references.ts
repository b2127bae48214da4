import { policyTargets } from '../../../lib/kinds/index.ts';
import type { Problems } from '../../../lib/kinds/problems.ts';
import type { ObjectRef } from '../../../lib/kinds/schema.ts';
import { isKind } from '../routes/references.ts';

export const policyGroup = 'policy.linkerd.io';

/** `Server.policy.linkerd.io`. */
export function canonicalKind({ group, kind }: { readonly group?: string; readonly kind: string }): string {
  return !group || group === 'core' ? kind : `${kind}.${group}`;
}

const named = [...new Set(policyTargets.map(({ kind }) => kind))];
const targetKinds = `${named.slice(0, -1).join(', ')} or ${named.at(-1)}`;

/** What is asked about requests holds for what takes them: a Server, or a route of one. */
export function checkRequestTarget(targetRef: ObjectRef, problems: Problems): void {
  if (policyTargets.some(({ group, kind }) => isKind(targetRef, group, kind))) return;
  problems.add('spec.targetRef.kind', `must be ${targetKinds}, with the group of that kind`, canonicalKind(targetRef));
}

/** What a policy of a namespace holds for: the namespace itself, or what `isPolicyTarget` says of its kind. */
export function checkPolicyTarget(targetRef: ObjectRef, namespace: string, problems: Problems): void {
  if (isKind(targetRef, '', 'Namespace')) {
    if (targetRef.name !== namespace) {
      problems.add('spec.targetRef.name', `must be the policy's own namespace (${namespace})`, targetRef.name);
    }
  } else if (!policyTargets.some(({ group, kind }) => isKind(targetRef, group, kind))) {
    problems.add(
      'spec.targetRef.kind',
      `must be Namespace, ${targetKinds}, with the group of that kind`,
      canonicalKind(targetRef),
    );
  }
}
