import type { Fields, KeptOf } from './kept-fields.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { Schema } from './schema.ts';

export interface CrdVersion {
  readonly name: string;
  readonly schema: Schema;
  /** Still served, with a warning. */
  readonly deprecated?: boolean;
  /** Whether controllers write the status apart from the specification. */
  readonly status?: boolean;
  readonly columns?: readonly { readonly name: string; readonly jsonPath: string; readonly description: string }[];
}

/**
 * Everything that is said of a kind: its definition, what of its objects is held in memory, what is checked of them, and
 * who may do what with them are made from it.
 */
export interface KindSpec {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly shortNames?: readonly string[];
  /** A kind of Kubernetes itself: every cluster has it, and the mesh checks none of its objects. */
  readonly builtIn?: boolean;
  /** How the destination component reads the objects; without, they are accepted and do nothing yet. */
  readonly reads?: Reading;
  /** Whether it tells in their status what became of them. */
  readonly writesStatus?: boolean;
  /** Whether an AuthorizationPolicy may say who calls them. */
  readonly isPolicyTarget?: boolean;
  /** Whether a field that the schema does not know is refused. Without, it has no effect. */
  readonly refusesUnknownFields?: boolean;
  /**
   * The versions of the definition that the mesh brings; none for a kind that somebody else brings. The first is stored,
   * and stands first for `cdk8s import`, which names its class without a suffix.
   */
  readonly versions: readonly CrdVersion[];
  /**
   * Of a kind that somebody else brings, or that every cluster has: the fields that are read, and checked beyond its
   * definition. An object of another shape is for other controllers, and is not checked.
   */
  readonly shape?: Schema;
}

export interface Reading {
  /** The versions whose objects have the fields that are kept, newest first. The first that is served is read. */
  readonly versions: readonly string[];
  /** What is held of the objects besides their metadata. */
  readonly keep: Fields;
}

declare const objectType: unique symbol;

/** For the compiler alone, which finds the type of a kind's objects by it. */
interface Typed<T> {
  readonly [objectType]?: T;
}

/** A kind whose objects, `T`, are checked and not read. */
export type UnreadKind<T extends KubernetesObject> = Omit<KindSpec, 'reads'> & Typed<T>;

/** A kind whose objects are read; of `T`, which has the fields that are. */
export type ReadKind<T extends KubernetesObject> = UnreadKind<T> & {
  readonly reads: Omit<Reading, 'keep'> & { readonly keep: KeptOf<T> };
};

/** The type of a kind's objects. */
export type ObjectOf<Kind> = Kind extends UnreadKind<infer T> ? T : never;

/** `shop.example.com/v1` is of the group `shop.example.com`, and `v1` of the core group, ''. */
export function groupAndVersion(apiVersion: string): [group: string, version: string] {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}
