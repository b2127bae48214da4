import { type InboundPolicyName, isInboundPolicy } from '../contract/inbound-policies.ts';
import { selects } from '../contract/labels.ts';
import type { AuthorizationPolicy } from '../kinds/authorization-policy.ts';
import type { ObjectRef } from '../kinds/schema.ts';
import type { Server } from '../kinds/server.ts';
import { type Entry, type KnownObject, type ManifestModel, objectsOf } from './manifest-model.ts';

/** Who is let in somewhere, as far as rules ask. */
export interface Admitted {
  /** Clients without an identity, from some network at least. */
  readonly anonymous: boolean;
  /** Clients of every identity. */
  readonly everyIdentity: boolean;
  /** Names of identities and accounts that are let in. */
  readonly named: readonly string[];
}

const nobody: Admitted = { anonymous: false, everyIdentity: false, named: [] };

/** Who is let in by the policies of a set of manifests. */
export class AdmittedClients<E extends Entry> {
  private readonly model: ManifestModel<E>;
  private readonly policies = new Map<string, AuthorizationPolicy[]>();

  constructor(model: ManifestModel<E>) {
    this.model = model;
    for (const { object, namespace } of objectsOf(model, 'AuthorizationPolicy')) {
      const key = targetKey(namespace, object.spec.targetRef);
      const others = this.policies.get(key);
      if (others === undefined) this.policies.set(key, [object]);
      else others.push(object);
    }
  }

  /** By a default inbound policy. */
  ofDefault(policy: InboundPolicyName): Admitted {
    return {
      // Those with 'tls' ask for TLS of the mesh, which neither the kubelet nor a scraper outside of it speaks.
      anonymous:
        policy === 'audit' || (policy.endsWith('-unauthenticated') && !policy.endsWith('-tls-unauthenticated')),
      everyIdentity: policy !== 'deny',
      named: [],
    };
  }

  /** By a Server, its policies and those of its namespace. */
  ofServer({ namespace, name, object }: KnownObject<E, Server>): Admitted {
    const { accessPolicy = 'deny' } = object.spec;
    return together([
      this.ofDefault(isInboundPolicy(accessPolicy) ? accessPolicy : 'deny'),
      ...this.ofTarget(namespace, { kind: 'Server', name }),
      ...this.ofTarget(namespace, { kind: 'Namespace', name: namespace }),
      ...objectsOf(this.model, 'ServerAuthorization')
        .filter((one) => one.namespace === namespace)
        .filter(({ object: { spec } }) =>
          spec.server.name === undefined
            ? selects(spec.server.selector ?? {}, object.metadata.labels)
            : spec.server.name === name,
        )
        .map(({ object: { spec } }) => ({
          anonymous: spec.client.unauthenticated === true,
          everyIdentity: spec.client.meshTLS?.identities?.includes('*') ?? false,
          named: [
            ...(spec.client.meshTLS?.identities ?? []),
            ...(spec.client.meshTLS?.serviceAccounts ?? []).map((account) => account.name),
          ],
        })),
    ]);
  }

  /** By the policies of routes of a Server. */
  ofRoutes(namespace: string, routes: readonly { readonly kind: string; readonly name: string }[]): Admitted {
    return together(routes.flatMap((route) => this.ofTarget(namespace, route)));
  }

  private ofTarget(namespace: string, target: Pick<ObjectRef, 'kind' | 'name'>): Admitted[] {
    return (this.policies.get(targetKey(namespace, target)) ?? []).map(({ spec, metadata }) => {
      const refs = spec.requiredAuthenticationRefs;
      if (refs.every(({ kind }) => kind === 'NetworkAuthentication')) return { ...nobody, anonymous: true };
      const named = refs.flatMap((ref) => this.namesOf(ref, metadata.namespace ?? 'default'));
      return { anonymous: false, everyIdentity: named.includes('*'), named };
    });
  }

  private namesOf({ kind, name = '', namespace }: ObjectRef, own: string): readonly string[] {
    if (kind === 'ServiceAccount') return [name];
    if (kind !== 'MeshTLSAuthentication') return [];
    const found = objectsOf(this.model, 'MeshTLSAuthentication').find(
      (one) => one.name === name && one.namespace === (namespace ?? own),
    );
    const { identities = [], identityRefs = [] } = found?.object.spec ?? {};
    return [...identities, ...identityRefs.map((ref) => ref.name ?? '')];
  }
}

const targetKey = (namespace: string, { kind, name }: Pick<ObjectRef, 'kind' | 'name'>): string =>
  `${namespace}/${kind}/${name}`;

const together = (all: readonly Admitted[]): Admitted => ({
  anonymous: all.some(({ anonymous }) => anonymous),
  everyIdentity: all.some(({ everyIdentity }) => everyIdentity),
  named: all.flatMap(({ named }) => named),
});
