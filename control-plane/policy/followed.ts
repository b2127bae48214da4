/**
 * What the sidecars of this version do about the objects of policy: an object that is admitted and does nothing is told
 * so, where it is applied and in its status. Each line goes with the change that makes it untrue.
 */

/** Kinds that are admitted, and that no sidecar follows yet, by `group/kind`. */
export const unfollowedKinds: ReadonlySet<string> = new Set([
  'policy.linkerd.io/EgressNetwork',
  'policy.linkerd.io/HTTPLocalRateLimitPolicy',
  'gateway.networking.k8s.io/TCPRoute',
  'gateway.networking.k8s.io/TLSRoute',
  'workload.linkerd.io/ExternalWorkload',
]);

/** Parents whose routes no sidecar follows yet: its own side of a Server is all that it routes by. */
export const unfollowedParents: ReadonlySet<string> = new Set(['Service', 'EgressNetwork']);

export const notFollowed = 'no sidecar of this version follows it yet';
const routeKinds = new Set(['HTTPRoute', 'GRPCRoute']);

/** What to tell who applies an object that does nothing, or nothing for some of its parents. */
export function followWarnings(object: Readonly<Record<string, unknown>>): string[] {
  const { apiVersion, kind, spec } = object as {
    apiVersion?: unknown;
    kind?: unknown;
    spec?: { parentRefs?: unknown };
  };
  const group = String(apiVersion).split('/')[0];
  if (unfollowedKinds.has(`${group}/${kind}`)) return [`${kind}: ${notFollowed}`];
  if (!routeKinds.has(String(kind)) || !Array.isArray(spec?.parentRefs)) return [];
  const parents = spec.parentRefs.map((ref: { kind?: unknown } | null) => String(ref?.kind));
  const unfollowed = [...new Set(parents)].filter((parent) => unfollowedParents.has(parent));
  return unfollowed.map((parent) => `${kind} of a ${parent}: ${notFollowed}`);
}
