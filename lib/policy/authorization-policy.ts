import type { Construct, IConstruct } from 'constructs';
import { groupAndVersion } from '../kinds/definition.ts';
import { kinds } from '../kinds/index.ts';
import type { ObjectRef } from '../kinds/schema.ts';
import { checkProps } from '../props/check-props.ts';
import { listOf, needed, type Shape } from '../props/form.ts';
import { constructForm } from '../props/object-forms.ts';
import { namespaceOf, objectOf, PolicyObject, type PolicyObjectProps, policyShape } from './policy-object.ts';
import { type PolicyTarget, targetForm, targetRef } from './policy-target.ts';

export interface AuthorizationPolicyProps extends PolicyObjectProps {
  /** What clients are let in to: a Server, a route of one, or every Server of the namespace. */
  readonly target: PolicyTarget | IConstruct;

  /**
   * What all must hold of a client: at most one MeshTlsAuthentication or ServiceAccount, and one NetworkAuthentication. At
   * least one of them.
   */
  readonly authentications: IConstruct[];
}

const shape: Shape<AuthorizationPolicyProps> = {
  ...policyShape,
  target: needed(targetForm),
  authentications: needed(listOf(constructForm)),
};

/** Lets those clients in that all of its authentications are about. Several of one target add up. */
export class AuthorizationPolicy extends PolicyObject {
  constructor(scope: Construct, id: string, props: AuthorizationPolicyProps) {
    checkProps(shape, props, { scope, id });
    const { target, authentications } = props;
    if (authentications.length === 0) {
      throw new Error(
        "'authentications' () must name one, or everybody would be let in: if that is meant, a NetworkAuthentication of Network.everywhere()",
      );
    }
    super(scope, id, kinds.AuthorizationPolicy, props, (namespace) => ({
      targetRef: targetRef(target, namespace),
      requiredAuthenticationRefs: referencesTo(authentications, namespace),
    }));
  }
}

const groups: Readonly<Record<string, string>> = {
  MeshTLSAuthentication: kinds.MeshTLSAuthentication.group,
  NetworkAuthentication: kinds.NetworkAuthentication.group,
  ServiceAccount: '',
};

function referencesTo(authentications: readonly IConstruct[], namespace: string): ObjectRef[] {
  const what = 'a MeshTlsAuthentication, a NetworkAuthentication or a ServiceAccount';
  const refs = authentications.map((construct): ObjectRef => {
    const object = objectOf(construct, 'authentications', what);
    const { kind, name, apiVersion } = object;
    const [group] = groupAndVersion(apiVersion);
    if (groups[kind] !== group)
      throw new Error(`'authentications' (${construct.node.path}, a ${kind}) must be ${what}`);
    const own = namespaceOf(object);
    return { ...(group === '' ? {} : { group }), kind, name, ...(own === namespace ? {} : { namespace: own }) };
  });
  const networks = refs.filter(({ kind }) => kind === 'NetworkAuthentication').length;
  if (networks > 1 || refs.length - networks > 1) {
    throw new Error(
      `'authentications' (${refs.map(({ kind, name }) => `${kind} ${name}`).join(', ')}) must hold all at once, and no client is two: put clients into one MeshTlsAuthentication, networks into one NetworkAuthentication, or make a policy for each`,
    );
  }
  return refs;
}
