import { goDurationMs } from '../../../lib/contract/durations.ts';
import { longestDelayMs } from '../../../lib/contract/faults.ts';
import type { FaultInjection } from '../../../lib/kinds/fault-injection.ts';
import type { Problems } from '../../../lib/kinds/problems.ts';

export function checkFaultInjection({ spec: { delay, abort } }: FaultInjection, problems: Problems): void {
  if (delay == null && abort == null) problems.add('spec', 'must have a delay or an abort');
  if (delay != null) {
    const ms = goDurationMs.read(delay.fixedDelay) ?? 0;
    if (ms <= 0 || ms > longestDelayMs) {
      problems.add('spec.delay.fixedDelay', 'must be longer than 0 and not longer than 1h', delay.fixedDelay);
    }
  }
  if (abort != null && abort.httpStatus == null && abort.grpcStatus == null) {
    problems.add('spec.abort', 'must have an httpStatus, for HTTPRoutes, or a grpcStatus, for GRPCRoutes, or both');
  }
}
