/** Whose objects are read: those of the whole cluster, or of the namespaces that are named and of nothing else. */
export type Scope = { readonly all: true } | { readonly namespaces: readonly string[] };

export const wholeCluster: Scope = { all: true };

/** What `--namespaces` says; without it, the whole cluster. */
export const scopeOf = (namespaces: readonly string[] | undefined): Scope =>
  namespaces === undefined ? wholeCluster : { namespaces };
