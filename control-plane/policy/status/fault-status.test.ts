import { expect, test } from 'vitest';
import type { FaultInjection } from '../../../lib/kinds/fault-injection.ts';
import { faultStatus } from './fault-status.ts';

const now = new Date('2026-05-05T05:05:05.555Z');
const fault = (status?: FaultInjection['status']): FaultInjection => ({
  apiVersion: 'tulle.dev/v1alpha1',
  kind: 'FaultInjection',
  metadata: { name: 'slow', namespace: 'shop' },
  spec: { delay: { fixedDelay: '1s' } },
  status,
});
const accepted = { type: 'Accepted', status: 'True', reason: 'Accepted', message: '' };
const lastTransitionTime = '2026-05-05T05:05:05Z';

test('one that holds is accepted, and told so once', () => {
  const status = faultStatus({ object: fault(), problem: undefined }, now);
  expect(status).toEqual({ conditions: [{ ...accepted, lastTransitionTime }] });
  expect(faultStatus({ object: fault(status), problem: undefined }, now)).toBeUndefined();
});

test('one that cannot hold is told why, in a message of bounded length', () => {
  const problem = 'x'.repeat(10_000);
  const status = faultStatus({ object: fault({ conditions: [accepted] }), problem }, now);
  expect(status).toEqual({
    conditions: [
      { type: 'Accepted', status: 'False', reason: 'Invalid', message: 'x'.repeat(2048), lastTransitionTime },
    ],
  });
  expect(faultStatus({ object: fault(status), problem }, now)).toBeUndefined();
});
