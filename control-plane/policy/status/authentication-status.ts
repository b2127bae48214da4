import type { RequestAuthentication } from '../../../lib/kinds/request-authentication.ts';
import { requestAuthentications, tooManyKeys } from '../inbound/request-authentications.ts';
import { type PolicyIndex, policyTarget } from '../index/policy-index.ts';
import { isKind } from '../routes/references.ts';
import { type Acceptance, type AcceptedStatus, acceptedStatus } from './conditions.ts';

/** The status that a RequestAuthentication is to have, or undefined when it has it already: what it lets nobody in for. */
export const authenticationStatus = (
  object: RequestAuthentication,
  index: PolicyIndex,
  now: Date,
): AcceptedStatus | undefined => acceptedStatus(object.status?.conditions, acceptance(object, index), now);

function acceptance(object: RequestAuthentication, index: PolicyIndex): Acceptance {
  const problem = index.problemOf(object);
  if (problem !== undefined) return ['False', 'Invalid', problem];
  const { namespace = 'default' } = object.metadata;
  const { targetRef } = object.spec;
  const key = `${namespace}/${targetRef.name}`;
  if (isKind(targetRef, 'policy.linkerd.io', 'Server')) {
    const server = index.serverOf(key);
    if (server === undefined) {
      return ['False', 'NoMatchingTarget', `there is no Server ${targetRef.name} in the object's namespace`];
    }
    const { proxyProtocol } = server.spec;
    if (proxyProtocol === 'opaque' || proxyProtocol === 'TLS') {
      return [
        'False',
        'NotHTTP',
        `the Server ${targetRef.name} speaks ${proxyProtocol}, which brings no tokens: it is shut`,
      ];
    }
  } else if (!isKind(targetRef, '', 'Namespace') && !index.routes.has(targetRef, key)) {
    return ['False', 'NoMatchingTarget', `there is no ${targetRef.kind} ${targetRef.name} in the object's namespace`];
  }
  const told = requestAuthentications(index.authentications.of(namespace, policyTarget(targetRef) ?? ''), index);
  if (told.at(-1)?.unreadable === tooManyKeys) return ['False', 'TooManyKeys', `${tooManyKeys}: it is shut`];
  return ofKeys(object, index, namespace);
}

/** Keys that are in use are told of too, when they can no longer be fetched. */
function ofKeys(object: RequestAuthentication, index: PolicyIndex, namespace: string): Acceptance {
  const urls = index.keyUrls(object).map((url) => ({ url, ...index.keySets.of(url, namespace) }));
  const failed = urls.filter(({ problem }) => problem !== undefined);
  const message = failed.map(({ url, problem }) => `${url} ${problem}`).join('; ');
  if (failed.some(({ jwks }) => jwks === '')) return ['False', 'KeysNotFetched', message];
  if (urls.some(({ jwks }) => jwks === '')) return ['Unknown', 'KeysPending', 'keys are being fetched'];
  return ['True', 'Accepted', message];
}
