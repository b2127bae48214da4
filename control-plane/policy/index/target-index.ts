import { policyTargets } from '../../../lib/kinds/index.ts';
import type { KubernetesObject } from '../../../lib/kinds/kubernetes-object.ts';
import type { ObjectRef } from '../../../lib/kinds/schema.ts';
import { objectKey } from '../../sources/object-key.ts';
import { isKind } from '../routes/references.ts';

/** One name for what a policy may target; undefined for what it may not. */
export function policyTarget(ref: Pick<ObjectRef, 'group' | 'kind' | 'name'>): string | undefined {
  if (isKind(ref, '', 'Namespace')) return 'Namespace';
  for (const { group, kind } of policyTargets) if (isKind(ref, group, kind)) return `${kind}.${group}/${ref.name}`;
  return undefined;
}

type Targeting = KubernetesObject & { readonly spec: { readonly targetRef: ObjectRef } };

/** Objects that hold for what they name as their target, by that. */
export class TargetIndex<T extends Targeting> {
  private readonly objects = new Map<string, T>();
  private readonly byTarget = new Map<string, Set<string>>();

  all(): Iterable<T> {
    return this.objects.values();
  }

  /** Takes an object as it is now. Returns the targets that it had or has, as `policyTarget` names them. */
  set(object: T, deleted: boolean): Set<string> {
    const { namespace = 'default' } = object.metadata;
    const key = objectKey(object);
    const before = this.objects.get(key);
    if (deleted) this.objects.delete(key);
    else this.objects.set(key, object);
    const changed = new Set<string>();
    for (const [each, present] of [[before, false] as const, [object, !deleted] as const]) {
      // One that is wrong may have no target at all, and hangs on nothing.
      const target = each && (each === before || present) ? targetOf(each) : undefined;
      if (target === undefined) continue;
      const at = `${namespace}/${target}`;
      const keys = this.byTarget.get(at) ?? new Set();
      if (present) keys.add(key);
      else keys.delete(key);
      if (keys.size === 0) this.byTarget.delete(at);
      else this.byTarget.set(at, keys);
      changed.add(target);
    }
    return changed;
  }

  /** Those of a namespace with a target, by name. */
  of(namespace: string, target: string): T[] {
    const keys = [...(this.byTarget.get(`${namespace}/${target}`) ?? [])].sort();
    return keys.flatMap((key) => this.objects.get(key) ?? []);
  }
}

function targetOf({ spec }: Targeting): string | undefined {
  const ref: Partial<ObjectRef> | undefined = spec?.targetRef;
  const { kind, name } = ref ?? {};
  return typeof kind === 'string' && typeof name === 'string' ? policyTarget({ ...ref, kind, name }) : undefined;
}
