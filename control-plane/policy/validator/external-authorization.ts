import { claimHeaderProblem } from '../../../lib/contract/claim-headers.ts';
import { durationMs } from '../../../lib/contract/durations.ts';
import { authorizerTimeoutMs } from '../../../lib/contract/external-authorization.ts';
import type { ExternalAuthorization } from '../../../lib/kinds/external-authorization.ts';
import type { Problems } from '../../../lib/kinds/problems.ts';
import { isKind } from '../routes/references.ts';
import { canonicalKind, checkRequestTarget } from './references.ts';

/** In characters: each check has them all. */
const longestKey = 256;

export function checkExternalAuthorization({ spec }: ExternalAuthorization, problems: Problems): void {
  const { targetRef, backendRef, timeout, includeRequestHeaders, headersToBackend, contextExtensions } = spec;
  checkRequestTarget(targetRef, problems);
  const { group, kind } = backendRef;
  const backend = { group: group ?? '', kind: kind ?? 'Service' };
  if (!isKind(backend, '', 'Service')) problems.add('spec.backendRef.kind', 'must be Service', canonicalKind(backend));
  const ms = timeout == null ? authorizerTimeoutMs.usual : durationMs.read(timeout);
  if (ms === undefined || ms < authorizerTimeoutMs.least || ms > authorizerTimeoutMs.most) {
    problems.add('spec.timeout', 'must be from 1ms to 10s', timeout);
  }
  for (const [index, name] of (includeRequestHeaders ?? []).entries()) {
    if (name.toLowerCase().startsWith('l5d-')) {
      problems.add(`spec.includeRequestHeaders[${index}]`, 'must not begin with l5d-, which is told nobody', name);
    }
  }
  if (Object.keys(contextExtensions ?? {}).some((key) => key.length > longestKey)) {
    problems.add('spec.contextExtensions', `must not have keys of more than ${longestKey} characters`);
  }
  for (const [index, name] of (headersToBackend ?? []).entries()) {
    const problem = claimHeaderProblem(name);
    if (problem !== undefined) problems.add(`spec.headersToBackend[${index}]`, problem, name);
  }
}
