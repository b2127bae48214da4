import type { KindSpec, Reading } from '../../lib/kinds/definition.ts';
import { type KindName, kindNameOf, kinds, type ReadKinds } from '../../lib/kinds/index.ts';
import type { KubernetesObject } from '../../lib/kinds/kubernetes-object.ts';

/** The kinds that the control plane reads, each with the type of its objects. */
export type Kinds = ReadKinds;
export type Kind = keyof Kinds;

/** Where objects of a kind stand in the API, and what is held of them. */
export interface KindInfo extends Pick<KindSpec, 'group' | 'kind' | 'plural'> {
  /** Versions whose objects have the fields that are read, newest first. The first that is served is used. */
  readonly versions: Reading['versions'];
  readonly keep: Reading['keep'];
  readonly namespaced: boolean;
  /** True for a kind that a cluster may lack; it is read once its definition is there. */
  readonly optional: boolean;
  /** Who writes a status must say which version of the object it was made for. */
  readonly isVersioned: boolean;
}

export const kindInfo: { readonly [K in Kind]: KindInfo } = Object.fromEntries(
  (Object.entries(kinds) as [KindName, KindSpec][]).flatMap(([name, spec]) => {
    const { group, kind, plural, scope, builtIn = false, writesStatus = false, reads } = spec;
    if (reads === undefined) return [];
    const info: KindInfo = {
      group,
      kind,
      plural,
      versions: reads.versions,
      keep: reads.keep,
      namespaced: scope === 'Namespaced',
      optional: !builtIn,
      isVersioned: writesStatus,
    };
    return [[name, info]];
  }),
) as { readonly [K in Kind]: KindInfo };

/** Which of the kinds an object is of; undefined for one that the control plane does not read. */
export function kindOf({ apiVersion, kind }: Pick<KubernetesObject, 'apiVersion' | 'kind'>): Kind | undefined {
  const name = kindNameOf(apiVersion, kind);
  return name !== undefined && name in kindInfo ? (name as Kind) : undefined;
}
