import { namespaceOf } from '../validation/manifest-model.ts';
import type { AppView, RenderedObject } from './app-view.ts';
import { failOn, isDerived } from './workload-policies.ts';

const kindsByGroup: Readonly<Record<string, readonly string[]>> = {
  'policy.linkerd.io': [
    'Server',
    'AuthorizationPolicy',
    'MeshTLSAuthentication',
    'NetworkAuthentication',
    'HTTPLocalRateLimitPolicy',
  ],
  'tulle.dev': ['RequestAuthentication', 'ExternalAuthorization'],
  v1: ['ServiceAccount'],
};

/**
 * Fails the synth where an object that is derived from a workload has the name of another one: of two objects with one
 * name, one takes the other's place when they are applied.
 */
export function failOnDerivedTwice(view: AppView): void {
  failOn([...derivedTwice(view)]);
}

function* derivedTwice(view: AppView): Iterable<string> {
  const all = Object.entries(kindsByGroup).flatMap(([group, kinds]) => kinds.map((kind) => [group, kind] as const));
  for (const [group, kind] of all) {
    const known = new Map<string, RenderedObject>();
    for (const object of view.ofKind(group, kind)) {
      const key = `${namespaceOf(object.manifest)}/${object.manifest.metadata?.name}`;
      const other = known.get(key);
      known.set(key, object);
      if (other === undefined || !(isDerived(object.construct) || isDerived(other.construct))) continue;
      const [derived, given] = isDerived(object.construct) ? [object, other] : [other, object];
      yield `  [${derived.construct.node.path}] is derived from its workload, and ${kind} ${key} is at ${given.construct.node.path} already: name one of the two otherwise`;
    }
  }
}
