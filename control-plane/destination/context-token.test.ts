import { expect, it } from 'vitest';
import { parseContextToken } from './context-token.ts';

const nothing = { namespace: undefined, node: undefined, pod: undefined };

it.each([
  ['{"ns":"shop","nodeName":"n1","pod":"web-1"}\n', { namespace: 'shop', node: 'n1', pod: 'web-1' }],
  ['{"ns":"shop","nodeName":""}', { ...nothing, namespace: 'shop' }],
  ['ns:shop', { ...nothing, namespace: 'shop' }],
  ['', nothing],
  ['{"ns":5}', nothing],
  ['null', nothing],
  ['shop', nothing],
])('%j says what it says', (token, context) => {
  expect(parseContextToken(token)).toEqual(context);
});
