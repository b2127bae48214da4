import { expect, test } from 'vitest';
import { hasLabels, type LabelSelector, selects } from './labels.ts';

const labels = { app: 'web', tier: 'front' };
const where = (key: string, operator: string, ...values: string[]) =>
  ({ matchExpressions: [{ key, operator, values }] }) as LabelSelector;

test.each<[LabelSelector, boolean]>([
  [{}, true],
  [{ matchLabels: { app: 'web' } }, true],
  [{ matchLabels: { app: 'web', tier: 'back' } }, false],
  [where('app', 'In', 'web', 'api'), true],
  [where('app', 'In', 'api'), false],
  [where('zone', 'In', 'a'), false],
  [where('app', 'NotIn', 'web'), false],
  [where('zone', 'NotIn', 'a'), true],
  [where('app', 'Exists'), true],
  [where('zone', 'Exists'), false],
  [where('app', 'DoesNotExist'), false],
  [where('zone', 'DoesNotExist'), true],
  [where('app', 'Gt', '1'), false],
  [{ matchLabels: { app: 'web' }, ...where('tier', 'In', 'back') }, false],
])('%j selects: %s', (selector, expected) => {
  expect(selects(selector, labels)).toBe(expected);
});

test('what has no labels is selected only by what asks for none', () => {
  expect(selects({}, undefined)).toBe(true);
  expect(selects({ matchLabels: { app: 'web' } }, undefined)).toBe(false);
});

test('a Service with an empty selector selects nothing', () => {
  expect(hasLabels(labels, {})).toBe(false);
  expect(hasLabels(labels, { app: 'web' })).toBe(true);
  expect(hasLabels(null, { app: 'web' })).toBe(false);
});
