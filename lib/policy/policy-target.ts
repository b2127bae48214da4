import type { IConstruct } from 'constructs';
import { groupAndVersion, type KindSpec } from '../kinds/definition.ts';
import { policyTargets } from '../kinds/index.ts';
import type { ObjectRef } from '../kinds/schema.ts';
import { checkProps } from '../props/check-props.ts';
import { either, instance, needed, text } from '../props/form.ts';
import { constructForm } from '../props/object-forms.ts';
import { namespaceOf, objectOf } from './policy-object.ts';

/** What a rule holds for. */
export class PolicyTarget {
  /** Every Server of the rule's own namespace. */
  static namespace(): PolicyTarget {
    return new PolicyTarget((namespace, kinds) => {
      if (kinds === undefined) return { kind: 'Namespace', name: namespace };
      throw new Error(
        `'target' (namespace ${namespace}) must be ${namesOf(kinds)}: such a rule holds for no namespace`,
      );
    });
  }

  /** A Server of the rule's own namespace that is made elsewhere. */
  static server(name: string): PolicyTarget {
    checkProps({ name: needed(text) }, { name });
    return new PolicyTarget(() => ({ group: 'policy.linkerd.io', kind: 'Server', name }));
  }

  /** A Server, or an HTTPRoute or GRPCRoute of one: a construct of this library, or an ApiObject. */
  static of(target: IConstruct): PolicyTarget {
    checkProps({ target: needed(constructForm) }, { target });
    const object = objectOf(target, 'target', 'a Server or a route');
    const [group] = groupAndVersion(object.apiVersion);
    return new PolicyTarget((namespace, kinds) => {
      if (!(kinds ?? policyTargets).some((kind) => kind.group === group && kind.kind === object.kind)) {
        throw new Error(
          `'target' (${target.node.path}, a ${object.kind}) must be ${namesOf(kinds ?? policyTargets)}: of a workload, say it to its 'mesh'`,
        );
      }
      const own = namespaceOf(object);
      if (own !== namespace) {
        throw new Error(
          `'target' (${target.node.path}) is in the namespace ${own}, and the rule in ${namespace}: put the rule there`,
        );
      }
      return { group, kind: object.kind, name: object.name };
    });
  }

  private readonly reference: (namespace: string, kinds: readonly KindSpec[] | undefined) => ObjectRef;

  private constructor(reference: (namespace: string, kinds: readonly KindSpec[] | undefined) => ObjectRef) {
    this.reference = reference;
  }

  /** @internal The reference of a rule in a namespace. Throws for what is none of `kinds`, or in another namespace; see `targetRef`. */
  get _reference(): (namespace: string, kinds: readonly KindSpec[] | undefined) => ObjectRef {
    return this.reference;
  }
}

/** A prop that says what a rule holds for. */
export const targetForm = either(
  instance(() => PolicyTarget),
  constructForm,
);

/** The `targetRef` of a rule in a namespace: one of `kinds`; without these, what an AuthorizationPolicy may be about. */
export function targetRef(
  target: PolicyTarget | IConstruct,
  namespace: string,
  kinds?: readonly KindSpec[],
): ObjectRef {
  return (target instanceof PolicyTarget ? target : PolicyTarget.of(target))._reference(namespace, kinds);
}

const namesOf = (kinds: readonly KindSpec[]): string => [...new Set(kinds.map(({ kind }) => kind))].join(' or ');
