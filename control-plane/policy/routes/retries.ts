import { goDurationMs } from '../../../lib/contract/durations.ts';
import type { Retry, StatusRange } from '../../../lib/contract/traffic-settings.ts';
import type { RuleRetry } from '../../../lib/kinds/route-object.ts';
import type { FieldProblem } from './field-problem.ts';

/** As for `retry.linkerd.io/limit`. */
const mostAttempts = 65_535;
/** Nobody waits longer for a second try. */
const longestBackoffMs = 60_000;

/** How a rule's `retry` (Gateway API, GEP-1731) may not be, beyond what its definition says. */
export function retryProblems({ codes = [], attempts, backoff }: RuleRetry): FieldProblem[] {
  const problems: FieldProblem[] = [];
  for (const [at, code] of codes.entries()) {
    if (!Number.isInteger(code) || code < 400 || code > 599) {
      problems.push({ field: `codes[${at}]`, must: 'must be a status from 400 to 599', value: `${code}` });
    }
  }
  if (attempts != null && !(Number.isInteger(attempts) && attempts >= 0 && attempts <= mostAttempts)) {
    problems.push({ field: 'attempts', must: `must be from 0 to ${mostAttempts}`, value: `${attempts}` });
  }
  if (backoff != null) {
    const ms = goDurationMs.read(backoff);
    if (ms === undefined || ms < 1 || ms > longestBackoffMs) {
      problems.push({ field: 'backoff', must: 'must be a duration from 1ms to 1m', value: backoff });
    }
  }
  return problems;
}

/** What it says, where it has no problems. A request that could not be sent goes to another endpoint by itself. */
export function retryOf({ codes = [], attempts, backoff }: RuleRetry): Retry<StatusRange> {
  return {
    limit: attempts ?? 1,
    timeoutMs: undefined,
    conditions: codes.map((code) => ({ start: code, end: code })),
    backoffMs: backoff == null ? undefined : goDurationMs.read(backoff),
  };
}
