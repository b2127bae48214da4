import { z } from 'zod';
import { goDurationMs } from '../../../lib/contract/durations.ts';
import { patternProblem } from '../../../lib/contract/pattern.ts';
import type { Problems } from './problems.ts';

const requestShape = z.strictObject({
  pathRegex: z.string().nullish(),
  method: z.string().nullish(),
  get all() {
    return z.array(requestShape).nullish();
  },
  get any() {
    return z.array(requestShape).nullish();
  },
  get not() {
    return requestShape.nullish();
  },
});
type RequestShape = z.output<typeof requestShape>;

const responseShape = z.strictObject({
  status: z.strictObject({ min: z.int().nullish(), max: z.int().nullish() }).nullish(),
  get all() {
    return z.array(responseShape).nullish();
  },
  get any() {
    return z.array(responseShape).nullish();
  },
  get not() {
    return responseShape.nullish();
  },
});
type ResponseShape = z.output<typeof responseShape>;

const profileShape = z.strictObject({
  routes: z
    .array(
      z.strictObject({
        name: z.string(),
        condition: requestShape,
        responseClasses: z
          .array(z.strictObject({ condition: responseShape, isFailure: z.boolean().nullish() }))
          .nullish(),
        isRetryable: z.boolean().nullish(),
        timeout: z.string().nullish(),
      }),
    )
    .nullish(),
  retryBudget: z.strictObject({ retryRatio: z.number(), minRetriesPerSecond: z.int(), ttl: z.string() }).nullish(),
  dstOverrides: z
    .array(z.strictObject({ authority: z.string().nullish(), weight: z.union([z.string(), z.number()]).nullish() }))
    .nullish(),
  opaquePorts: z.array(z.string()).nullish(),
});

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** ServiceProfile (linkerd2 pkg/profiles): fields that it does not know are refused too. */
export function checkServiceProfile(name: string, spec: unknown, problems: Problems): void {
  if (name.length > 253 || !subdomain.test(name) || !name.includes('.')) {
    problems.add('metadata.name', 'must be the fully qualified name of a service', name);
  }
  const profile = problems.parse(profileShape, spec ?? {}, 'spec');
  if (profile === undefined) return;
  for (const [index, route] of (profile.routes ?? []).entries()) {
    const path = `spec.routes[${index}]`;
    if (route.name === '') problems.add(`${path}.name`, 'must not be empty');
    if (route.timeout) checkDuration(route.timeout, `${path}.timeout`, problems);
    checkRequest(route.condition, `${path}.condition`, problems);
    for (const [at, { condition }] of (route.responseClasses ?? []).entries()) {
      checkResponse(condition, `${path}.responseClasses[${at}].condition`, problems);
    }
  }
  const budget = profile.retryBudget;
  if (budget == null) return;
  if (budget.retryRatio < 0) problems.add('spec.retryBudget.retryRatio', 'must not be negative', budget.retryRatio);
  if (budget.minRetriesPerSecond < 0) {
    problems.add('spec.retryBudget.minRetriesPerSecond', 'must not be negative', budget.minRetriesPerSecond);
  }
  checkDuration(budget.ttl, 'spec.retryBudget.ttl', problems);
}

/** A condition says something; where it says several things, all must hold. */
function checkRequest(condition: RequestShape, path: string, problems: Problems): void {
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

function checkResponse(condition: ResponseShape, path: string, problems: Problems): void {
  const { status, all, any, not } = condition;
  if (status == null && all == null && any == null && not == null) {
    problems.add(path, 'must have one of status, all, any or not');
  }
  const min = status?.min || undefined;
  const max = status?.max || undefined;
  for (const [field, value] of [['min', min] as const, ['max', max] as const]) {
    if (value === undefined || (value >= 100 && value <= 599)) continue;
    problems.add(`${path}.status.${field}`, 'must be from 100 to 599', value);
  }
  if (min !== undefined && max !== undefined && min > max) {
    problems.add(`${path}.status.min`, `must not be more than max (${max})`, min);
  }
  for (const [at, child] of (all ?? []).entries()) checkResponse(child, `${path}.all[${at}]`, problems);
  for (const [at, child] of (any ?? []).entries()) checkResponse(child, `${path}.any[${at}]`, problems);
  if (not != null) checkResponse(not, `${path}.not`, problems);
}

function checkDuration(text: string, path: string, problems: Problems): void {
  if (goDurationMs.read(text) === undefined) problems.add(path, 'must be a duration such as 300ms or 1m30s', text);
}
