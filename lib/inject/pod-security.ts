import type { InjectMode } from './decision.ts';
import type { Metadata } from './kubernetes.ts';
import type { InjectProblem } from './report.ts';

const enforceLabel = 'pod-security.kubernetes.io/enforce';

/** The level of PodSecurity of a namespace that refuses the init container of intercepting sidecars; else undefined. */
export function refusingLevel(namespace: Pick<Metadata, 'labels'> | undefined): string | undefined {
  const level = namespace?.labels?.[enforceLabel];
  return level === 'restricted' || level === 'baseline' ? level : undefined;
}

/** Tells that pods with this sidecar are never created, because the namespace forbids what its init container needs. */
export function podSecurityProblem(
  mode: InjectMode,
  namespace: Metadata | undefined,
  place: { readonly object: string; readonly field: string },
): InjectProblem[] {
  const level = refusingLevel(namespace);
  if (mode === 'explicit' || level === undefined) return [];
  return [
    {
      severity: 'warning',
      ...place,
      message:
        `the namespace enforces PodSecurity ${level}, which refuses the capabilities NET_ADMIN and NET_RAW of the init ` +
        'container: ask for explicit mode (tulle.dev/inject: explicit), which needs none',
      consequence: 'no such pod is created there',
    },
  ];
}
