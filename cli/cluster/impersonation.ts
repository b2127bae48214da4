/** Headers that say who is meant by a call (Kubernetes docs, "User impersonation"); undefined where it is who calls. */
export function impersonation(user: string | undefined, groups: readonly string[]) {
  if (user === undefined) return undefined;
  return { 'Impersonate-User': user, ...(groups.length > 0 ? { 'Impersonate-Group': [...groups] } : {}) };
}
