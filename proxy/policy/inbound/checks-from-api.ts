import { durationMs } from '@bufbuild/protobuf/wkt';
import type { ExternalAuthorization } from '../../../api/gen/tulle_pb.js';
import { claimHeaderProblem } from '../../../lib/contract/claim-headers.ts';
import { authorizerTimeoutMs } from '../../../lib/contract/external-authorization.ts';
import type { CheckPolicy } from '../../ext-authz/check-policy.ts';
import { foldName } from '../../wire/field-names.ts';
import { labelsFromMetadata } from '../labels.ts';

/**
 * Reads who is asked about requests. What cannot be read restricts: without an authority nobody can be asked, and a header
 * that may not be written is not.
 */
export function checkFromApi(object: ExternalAuthorization): CheckPolicy {
  const { metadata, authority, timeout, failOpen, includeRequestHeaders, headersToBackend, contextExtensions } = object;
  const { least, most, usual } = authorizerTimeoutMs;
  const unusable = object.unusable === '' && authority === '' ? 'no authorizer is named' : object.unusable;
  return Object.freeze({
    labels: labelsFromMetadata(metadata),
    authority,
    timeoutMs: timeout === undefined ? usual : Math.min(most, Math.max(least, durationMs(timeout))),
    failOpen,
    sentHeaders: includeRequestHeaders && new Set(includeRequestHeaders.names.map((name) => name.toLowerCase())),
    headersToBackend: new Set(
      headersToBackend.filter((name) => claimHeaderProblem(name) === undefined).map((name) => name.toLowerCase()),
    ),
    contextExtensions,
    unusable: unusable === '' ? undefined : unusable,
  });
}

/**
 * The headers that any of them writes, folded; undefined without any. Those of `claimHeaders`, where tokens are looked at
 * before, hold what was verified: what clients write there is gone by then.
 */
export function ownHeadersOf(
  checks: readonly CheckPolicy[],
  claimHeaders: ReadonlySet<string>,
): ReadonlySet<string> | undefined {
  const written = checks.flatMap(({ headersToBackend }) => [...headersToBackend].map(foldName));
  const names = new Set(written.filter((name) => !claimHeaders.has(name)));
  return names.size === 0 ? undefined : names;
}
