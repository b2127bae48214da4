import type { RequestAuthentication } from '../../../lib/kinds/request-authentication.ts';
import type { RouteCondition } from '../../../lib/kinds/route-object.ts';
import { requestAuthentications, tooManyKeys } from '../inbound/request-authentications.ts';
import { type PolicyIndex, policyTarget } from '../index/policy-index.ts';
import { isKind } from '../routes/references.ts';
import { timestamp } from './route-status.ts';

export interface AuthenticationStatus {
  readonly conditions: readonly RouteCondition[];
}

type Condition = readonly [status: 'True' | 'False' | 'Unknown', reason: string, message: string];

/** A message may have 32,768 characters; what is wrong with an object is seldom told in more. */
const maxMessage = 2048;

/**
 * The status that a RequestAuthentication is to have, or undefined when it has it already: `Accepted`, or what it lets
 * nobody in for. A condition that did not change keeps its time.
 */
export function authenticationStatus(
  object: RequestAuthentication,
  index: PolicyIndex,
  now: Date,
): AuthenticationStatus | undefined {
  const [status, reason, text] = acceptance(object, index);
  const message = text.slice(0, maxMessage);
  const [told, ...others] = object.status?.conditions ?? [];
  const isSame =
    others.length === 0 &&
    told?.type === 'Accepted' &&
    told.status === status &&
    told.reason === reason &&
    (told.message ?? '') === message;
  if (isSame) return undefined;
  return { conditions: [{ type: 'Accepted', status, reason, message, lastTransitionTime: timestamp(now) }] };
}

function acceptance(object: RequestAuthentication, index: PolicyIndex): Condition {
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
function ofKeys(object: RequestAuthentication, index: PolicyIndex, namespace: string): Condition {
  const urls = index.keyUrls(object).map((url) => ({ url, ...index.keySets.of(url, namespace) }));
  const failed = urls.filter(({ problem }) => problem !== undefined);
  const message = failed.map(({ url, problem }) => `${url} ${problem}`).join('; ');
  if (failed.some(({ jwks }) => jwks === '')) return ['False', 'KeysNotFetched', message];
  if (urls.some(({ jwks }) => jwks === '')) return ['Unknown', 'KeysPending', 'keys are being fetched'];
  return ['True', 'Accepted', message];
}
