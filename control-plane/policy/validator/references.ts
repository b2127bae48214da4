export const policyGroup = 'policy.linkerd.io';

/** `Server.policy.linkerd.io`. */
export function canonicalKind({ group, kind }: { readonly group?: string; readonly kind: string }): string {
  return !group || group === 'core' ? kind : `${kind}.${group}`;
}
