import { goDurationMs } from '../../../lib/contract/durations.ts';
import { patternProblem } from '../../../lib/contract/pattern.ts';
import type { Problems } from '../../../lib/kinds/problems.ts';
import type { RequestCondition, ResponseCondition, ServiceProfile } from '../../../lib/kinds/service-profile.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** ServiceProfile (linkerd2 pkg/profiles). */
export function checkServiceProfile({ metadata, spec }: ServiceProfile, problems: Problems): void {
  const { name } = metadata;
  if (name.length > 253 || !subdomain.test(name) || !name.includes('.')) {
    problems.add('metadata.name', 'must be the fully qualified name of a service', name);
  }
  for (const [index, route] of (spec?.routes ?? []).entries()) {
    const path = `spec.routes[${index}]`;
    if (route.name === '') problems.add(`${path}.name`, 'must not be empty');
    if (route.timeout) checkDuration(route.timeout, `${path}.timeout`, problems);
    checkRequest(route.condition, `${path}.condition`, problems);
    for (const [at, { condition }] of (route.responseClasses ?? []).entries()) {
      checkResponse(condition, `${path}.responseClasses[${at}].condition`, problems);
    }
  }
  if (spec?.retryBudget != null) checkDuration(spec.retryBudget.ttl, 'spec.retryBudget.ttl', problems);
}

/** A condition says something; where it says several things, all must hold. */
function checkRequest(condition: RequestCondition, path: string, problems: Problems): void {
  const { pathRegex, method, all, any, not } = condition;
  if (!pathRegex && !method && all == null && any == null && not == null) {
    problems.add(path, 'must have one of pathRegex, method, all, any or not');
  }
  const problem = pathRegex ? patternProblem(pathRegex) : undefined;
  if (problem !== undefined)
    problems.add(`${path}.pathRegex`, `must be a regular expression that proxies match by: ${problem}`);
  for (const [at, child] of (all ?? []).entries()) checkRequest(child, `${path}.all[${at}]`, problems);
  for (const [at, child] of (any ?? []).entries()) checkRequest(child, `${path}.any[${at}]`, problems);
  if (not != null) checkRequest(not, `${path}.not`, problems);
}

function checkResponse(condition: ResponseCondition, path: string, problems: Problems): void {
  const { status, all, any, not } = condition;
  if (status == null && all == null && any == null && not == null) {
    problems.add(path, 'must have one of status, all, any or not');
  }
  const { min, max } = status ?? {};
  if (min != null && max != null && min > max) {
    problems.add(`${path}.status.min`, `must not be more than max (${max})`, min);
  }
  for (const [at, child] of (all ?? []).entries()) checkResponse(child, `${path}.all[${at}]`, problems);
  for (const [at, child] of (any ?? []).entries()) checkResponse(child, `${path}.any[${at}]`, problems);
  if (not != null) checkResponse(not, `${path}.not`, problems);
}

function checkDuration(text: string, path: string, problems: Problems): void {
  if (goDurationMs.read(text) === undefined) problems.add(path, 'must be a duration such as 300ms or 1m30s', text);
}
