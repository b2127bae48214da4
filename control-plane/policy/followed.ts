import { type KindSpec, kindNameOf, kinds } from '../../lib/kinds/index.ts';

/**
 * What the sidecars of this version do about the objects of policy: an object that is admitted and does nothing is told
 * so, where it is applied and in its status. A kind that nobody reads is followed by none of them.
 */

/** Parents whose routes no sidecar follows yet: none. */
export const unfollowedParents: ReadonlySet<string> = new Set();

export const notFollowed = 'no sidecar of this version follows it yet';
const routeKinds = new Set(['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute']);

/** What to tell who applies an object that does nothing, or nothing for some of its parents. */
export function followWarnings(object: Readonly<Record<string, unknown>>): string[] {
  const { apiVersion, kind, spec } = object as {
    apiVersion?: unknown;
    kind?: unknown;
    spec?: { parentRefs?: unknown };
  };
  const name = kindNameOf(String(apiVersion), String(kind));
  const known: KindSpec | undefined = name && kinds[name];
  if (known !== undefined && known.reads === undefined) return [`${kind}: ${notFollowed}`];
  if (!routeKinds.has(String(kind)) || !Array.isArray(spec?.parentRefs)) return [];
  const parents = spec.parentRefs.map((ref: { kind?: unknown } | null) => String(ref?.kind));
  const unfollowed = [...new Set(parents)].filter((parent) => unfollowedParents.has(parent));
  return unfollowed.map((parent) => `${kind} of a ${parent}: ${notFollowed}`);
}
