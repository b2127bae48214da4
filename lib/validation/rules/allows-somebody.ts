import { cidrContains, parseCidr } from '../../contract/cidr.ts';
import type { NetworkMatch } from '../../kinds/schema.ts';
import type { Rule } from '../finding.ts';
import { type Entry, type ManifestModel, objectsOf } from '../manifest-model.ts';

/** What lets clients in lets some in. */
export const allowsSomebody: Rule = {
  id: 'allows-nobody',
  *check<E extends Entry>(model: ManifestModel<E>) {
    for (const { entry: at, object } of objectsOf(model, 'NetworkAuthentication')) {
      if (!object.spec.networks.every(isEmpty)) continue;
      yield {
        ...{ severity: 'error' as const, at, field: 'spec.networks' },
        message: 'lets in nobody, for all of each network is excepted',
        fix: 'except less of them',
      };
    }
    for (const { entry: at, object } of objectsOf(model, 'ServerAuthorization')) {
      const { unauthenticated, meshTLS } = object.spec.client;
      const { unauthenticatedTLS, identities = [], serviceAccounts = [] } = meshTLS ?? {};
      if (unauthenticated || unauthenticatedTLS || identities.length + serviceAccounts.length > 0) continue;
      yield {
        ...{ severity: 'error' as const, at, field: 'spec.client' },
        message: 'lets in nobody, for it names no client',
        fix: "name identities or serviceAccounts in meshTLS, '*' among the former for all that are meshed, or leave the object out",
      };
    }
    yield* missingAuthentications(model);
  },
};

/** One that is not there lets in nobody. It may be made elsewhere. */
function* missingAuthentications<E extends Entry>(model: ManifestModel<E>) {
  const known = new Set(
    (['MeshTLSAuthentication', 'NetworkAuthentication'] as const).flatMap((kind) =>
      model
        .ofKind('policy.linkerd.io', kind)
        .map(({ manifest: { metadata } }) => [kind, metadata?.namespace ?? 'default', metadata?.name].join('/')),
    ),
  );
  for (const { entry: at, object, namespace: own } of objectsOf(model, 'AuthorizationPolicy')) {
    for (const [index, ref] of object.spec.requiredAuthenticationRefs.entries()) {
      const { kind, name, namespace = own } = ref;
      if (kind === 'ServiceAccount' || known.has(`${kind}/${namespace}/${name}`)) continue;
      yield {
        ...{ severity: 'warning' as const, at, field: `spec.requiredAuthenticationRefs[${index}]` },
        message: `names ${kind} ${namespace}/${name}, which is not among the manifests: nobody is let in while it is not there`,
        fix: 'correct the name; if it is made elsewhere, nothing',
      };
    }
  }
}

function isEmpty({ cidr, except = [] }: NetworkMatch): boolean {
  const network = parseCidr(cidr);
  return (
    network !== undefined &&
    except.some((text) => {
      const hole = parseCidr(text);
      return hole !== undefined && cidrContains(hole, network);
    })
  );
}
