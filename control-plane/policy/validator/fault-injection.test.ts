import { expect, test } from 'vitest';
import { validateObject } from './index.ts';

const fault = (spec: unknown) => ({
  apiVersion: 'tulle.dev/v1alpha1',
  kind: 'FaultInjection',
  metadata: { name: 'slow', namespace: 'shop' },
  spec,
});

test.each<[object]>([
  [{ delay: { fixedDelay: '5s' } }],
  [{ delay: { fixedDelay: '1h', percentage: 0 } }],
  [{ abort: { httpStatus: 503 } }],
  [{ abort: { grpcStatus: 'UNAVAILABLE', percentage: 0.01 } }],
  [{ delay: { fixedDelay: '1m30s', percentage: 100 }, abort: { httpStatus: 200, grpcStatus: 'INTERNAL' } }],
])('%j is admitted', (spec) => expect(validateObject(fault(spec))).toEqual([]));

test.each<[object, string]>([
  [{}, 'spec must have a delay or an abort'],
  [{ delay: {} }, 'spec.delay.fixedDelay must be set'],
  [{ delay: { fixedDelay: '0s' } }, 'spec.delay.fixedDelay (0s) must be longer than 0 and not longer than 1h'],
  [{ delay: { fixedDelay: '61m' } }, 'spec.delay.fixedDelay (61m) must be longer than 0 and not longer than 1h'],
  [{ delay: { fixedDelay: '99999h' } }, 'spec.delay.fixedDelay (99999h) must be longer than 0'],
  [{ delay: { fixedDelay: '-1s' } }, 'spec.delay.fixedDelay (-1s) must be a duration such as 500ms or 1m30s'],
  [{ delay: { fixedDelay: 5 } }, 'spec.delay.fixedDelay (5) must be a text'],
  [{ delay: { fixedDelay: '5s', percentage: 101 } }, 'spec.delay.percentage (101) must'],
  [{ delay: { fixedDelay: '5s', percentage: -0.1 } }, 'spec.delay.percentage (-0.1) must'],
  [{ delay: { fixedDelay: '5s', percentage: Number.NaN } }, 'spec.delay.percentage'],
  [{ delay: { fixedDelay: '5s', percentage: Number.POSITIVE_INFINITY } }, 'spec.delay.percentage'],
  [{ delay: { fixedDelay: '5s', percentage: '10' } }, 'spec.delay.percentage (10) must be a number'],
  [{ abort: {} }, 'spec.abort must have an httpStatus, for HTTPRoutes, or a grpcStatus, for GRPCRoutes, or both'],
  [{ abort: { httpStatus: 100 } }, 'spec.abort.httpStatus (100) must'],
  [{ abort: { httpStatus: 600 } }, 'spec.abort.httpStatus (600) must'],
  [{ abort: { grpcStatus: 'OK' } }, "spec.abort.grpcStatus (OK) must be one of 'CANCELLED'"],
  [{ abort: { grpcStatus: '14' } }, 'spec.abort.grpcStatus (14) must be one of'],
  [{ abort: { httpStatus: 503 }, fault: {} }, 'spec.fault is no field that is known'],
])('%j is refused', (spec, problem) => expect(validateObject(fault(spec)).join('\n')).toContain(problem));
