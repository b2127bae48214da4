import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { ExternalAuthorizationSchema } from '../../../api/gen/tulle_pb.js';
import { durationMs } from '../../../lib/contract/durations.ts';
import type { ExternalAuthorization } from '../../../lib/kinds/external-authorization.ts';
import type { PolicyIndex } from '../index/policy-index.ts';
import { oldestFirst } from '../order.ts';

export type ExternalAuthorizationInit = MessageInitShape<typeof ExternalAuthorizationSchema>;

/** Whom an object names, or why nobody can be asked. */
export type Authorizer =
  | { readonly service: string; readonly failure?: undefined }
  | { readonly failure: 'BackendNotFound' | 'RefNotPermitted'; readonly message: string; readonly service: string };

/** The one of several objects of one target that holds: the oldest, whether or not it is right. */
export const heldAuthorization = (objects: readonly ExternalAuthorization[]): ExternalAuthorization | undefined =>
  [...objects].sort(oldestFirst)[0];

/** The Service, `namespace/name`, that an object without problems names. */
export function authorizerOf({ metadata, spec }: ExternalAuthorization, index: PolicyIndex): Authorizer {
  const { namespace = 'default' } = metadata;
  const { backendRef } = spec;
  const service = `${backendRef.namespace ?? namespace}/${backendRef.name}`;
  const isOwn = service.startsWith(`${namespace}/`);
  // First, as whether it is there is not for everybody to know.
  if (!isOwn && !index.grants.permits({ group: 'tulle.dev', kind: 'ExternalAuthorization', namespace }, service)) {
    const message = `no ReferenceGrant in namespace ${backendRef.namespace} lets this object name Service ${service}`;
    return { failure: 'RefNotPermitted', message, service };
  }
  if (index.service(service) === undefined) {
    return { failure: 'BackendNotFound', message: `there is no Service ${service}`, service };
  }
  return { service };
}

const maxProblem = 1024;

/**
 * What a proxy is told of an object. Of one that is wrong what it says of failures may be what is wrong, so it shuts its
 * target; where there is nobody to ask, what it says of failures decides.
 */
export function externalAuthorization(
  object: ExternalAuthorization,
  index: PolicyIndex,
  clusterDomain: string,
): ExternalAuthorizationInit {
  const { metadata, spec } = object;
  const problem = index.problemOf(object);
  const named = { group: 'tulle.dev', kind: 'externalauthorization', name: metadata.name };
  const said: ExternalAuthorizationInit = { metadata: { kind: { case: 'resource', value: named } } };
  if (problem !== undefined) return { ...said, unusable: `the object is wrong: ${problem}`.slice(0, maxProblem) };
  const { backendRef, timeout, failureMode, includeRequestHeaders, headersToBackend, contextExtensions } = spec;
  const { service, ...authorizer } = authorizerOf(object, index);
  const [namespace, name] = service.split('/');
  const timeoutMs = timeout == null ? undefined : durationMs.read(timeout);
  return {
    ...said,
    authority: `${name}.${namespace}.svc.${clusterDomain}:${backendRef.port}`,
    failOpen: failureMode === 'Open',
    headersToBackend: [...(headersToBackend ?? [])],
    contextExtensions: { ...contextExtensions },
    unusable: authorizer.failure === undefined ? '' : authorizer.message,
    ...(timeoutMs === undefined ? {} : { timeout: durationFromMs(timeoutMs) }),
    ...(includeRequestHeaders == null ? {} : { includeRequestHeaders: { names: [...includeRequestHeaders] } }),
  };
}
