import type { ObjectRef } from '../kinds/schema.ts';
import { type Entry, type ManifestModel, objectsOf } from './manifest-model.ts';

/** An account that a policy lets in, and where it is named. */
export interface NamedAccount<E extends Entry> {
  readonly at: E;
  readonly field: string;
  readonly namespace: string;
  readonly name: string;
}

/** The accounts that policies let in, by reference or by the identity of this mesh. */
export function* accountsNamed<E extends Entry>(model: ManifestModel<E>): Iterable<NamedAccount<E>> {
  const { meshNamespace, trustDomain } = model.config;
  const suffix = `.serviceaccount.identity.${meshNamespace}.${trustDomain}`;
  for (const { entry: at, object, namespace } of objectsOf(model, 'MeshTLSAuthentication')) {
    const { identities = [], identityRefs = [] } = object.spec;
    yield* ofRefs(identityRefs, { at, namespace }, 'spec.identityRefs');
    for (const [index, identity] of identities.entries()) {
      const [name, own, ...others] = identity.endsWith(suffix) ? identity.slice(0, -suffix.length).split('.') : [];
      if (own === undefined || others.length > 0 || name === '*') continue;
      yield { at, field: `spec.identities[${index}]`, namespace: own, name };
    }
  }
  for (const { entry: at, object, namespace } of objectsOf(model, 'AuthorizationPolicy')) {
    yield* ofRefs(object.spec.requiredAuthenticationRefs, { at, namespace }, 'spec.requiredAuthenticationRefs');
  }
}

function* ofRefs<E extends Entry>(
  refs: readonly ObjectRef[],
  { at, namespace: own }: { readonly at: E; readonly namespace: string },
  path: string,
): Iterable<NamedAccount<E>> {
  for (const [index, { kind, name = '', namespace = own }] of refs.entries()) {
    if (kind === 'ServiceAccount') yield { at, field: `${path}[${index}]`, namespace, name };
  }
}
