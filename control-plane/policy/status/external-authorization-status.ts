import type { ExternalAuthorization } from '../../../lib/kinds/external-authorization.ts';
import { authorizerOf, heldAuthorization } from '../inbound/external-authorizations.ts';
import { type PolicyIndex, policyTarget } from '../index/policy-index.ts';
import { isKind } from '../routes/references.ts';
import { type Acceptance, type AcceptedStatus, acceptedStatus } from './conditions.ts';

/** The status that an ExternalAuthorization is to have, or undefined when it has it already: whether somebody is asked. */
export const externalAuthorizationStatus = (
  object: ExternalAuthorization,
  index: PolicyIndex,
  now: Date,
): AcceptedStatus | undefined => acceptedStatus(object.status?.conditions, acceptance(object, index), now);

function acceptance(object: ExternalAuthorization, index: PolicyIndex): Acceptance {
  const problem = index.problemOf(object);
  if (problem !== undefined) return ['False', 'Invalid', `${problem}: its target is shut`];
  const { namespace = 'default' } = object.metadata;
  const { targetRef, failureMode } = object.spec;
  const { kind, name } = targetRef;
  const key = `${namespace}/${name}`;
  if (isKind(targetRef, 'policy.linkerd.io', 'Server')) {
    const server = index.serverOf(key);
    if (server === undefined) return notThere(`there is no Server ${name} in the object's namespace`);
    const { proxyProtocol } = server.spec;
    if (proxyProtocol === 'opaque' || proxyProtocol === 'TLS') {
      const message = `the Server ${name} speaks ${proxyProtocol}, which no authorizer is asked about: it is shut`;
      return ['False', 'NotHTTP', message];
    }
  } else {
    const route = [...index.routes.all()].find(
      ({ group, kind, object }) =>
        isKind(targetRef, group, kind) &&
        object.metadata.name === name &&
        (object.metadata.namespace ?? 'default') === namespace,
    );
    if (route === undefined) return notThere(`there is no ${kind} ${name} in the object's namespace`);
    if (!route.parents.some((parent) => parent.kind === 'Server')) {
      return notThere(`the ${kind} ${name} is of no Server, and requests are asked about where they come in`);
    }
  }
  const held = heldAuthorization(index.authorizers.of(namespace, policyTarget(targetRef) ?? ''));
  if (held !== undefined && held !== object) {
    const message = `the older object ${held.metadata.name} holds for the ${kind} ${name}`;
    return ['False', 'ExternalAuthorizationAlreadyExists', message];
  }
  const authorizer = authorizerOf(object, index);
  if (authorizer.failure === undefined) return ['True', 'Accepted', ''];
  const effect = failureMode === 'Open' ? 'requests are let in unasked' : 'its target is shut';
  return ['False', authorizer.failure, `${authorizer.message}: ${effect}`];
}

const notThere = (message: string): Acceptance => ['False', 'NoMatchingTarget', message];
