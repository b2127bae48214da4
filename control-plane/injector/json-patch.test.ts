import fc from 'fast-check';
import { expect, it } from 'vitest';
import { injectConfig, injectPod } from '../../lib/inject/index.ts';
import { jsonPatch } from './json-patch.ts';
import { applyJsonPatch } from './testing/apply-json-patch.ts';

const named = fc.record(
  { name: fc.constantFrom('web', 'cache', 'log'), image: fc.constantFrom('a', 'b') },
  { noNullPrototype: true },
);
const { tree: anyJson } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, 0, 1, '', 'a', 'b'),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.array(named, { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('a', 'b/c', 'd~e', '~1', 'constructor', '0'), tie('tree'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
}));

it('makes of any value any other', () => {
  fc.assert(
    fc.property(anyJson, anyJson, (before, after) => {
      expect(applyJsonPatch(before, jsonPatch(before, after))).toEqual(after);
    }),
    { numRuns: 500 },
  );
});

it('is empty for what has not changed', () => {
  fc.assert(
    fc.property(anyJson, (value) => {
      expect(jsonPatch(value, structuredClone(value))).toEqual([]);
    }),
  );
});

it.each([
  ['a new field', { a: 1 }, { a: 1, b: 2 }, [{ op: 'add', path: '/b', value: 2 }]],
  ['a field that went', { a: 1, b: 2 }, { a: 1 }, [{ op: 'remove', path: '/b' }]],
  ['an undefined field is none', { a: 1, b: undefined }, { a: 1, c: undefined }, []],
  ['a name with a slash', { m: {} }, { m: { 'x.dev/a~b': '' } }, [{ op: 'add', path: '/m/x.dev~1a~0b', value: '' }]],
  ['a list with one more in front', [2, 3], [1, 2, 3], [{ op: 'add', path: '/0', value: 1 }]],
  ['null becomes a list', { v: null }, { v: [1] }, [{ op: 'replace', path: '/v', value: [1] }]],
  [
    'a named item that changed, behind a new one',
    { c: [{ name: 'web', image: 'a' }] },
    { c: [{ name: 'proxy' }, { name: 'web', image: 'b' }] },
    [
      { op: 'add', path: '/c/0', value: { name: 'proxy' } },
      { op: 'replace', path: '/c/1/image', value: 'b' },
    ],
  ],
])('%s', (_, before, after, operations) => {
  expect(jsonPatch(before, after)).toEqual(operations);
});

it('touches nothing of an injected pod but what the mesh adds', () => {
  const pod = {
    metadata: { name: 'web-1', labels: { app: 'web' }, annotations: { 'tulle.dev/inject': 'enabled' } },
    spec: {
      containers: [{ name: 'web', ports: [{ containerPort: 8080 }] }],
      initContainers: [{ name: 'migrate' }],
      volumes: [{ name: 'data', emptyDir: {} }],
    },
  };
  const operations = jsonPatch(pod, injectPod(pod, injectConfig(), { namespace: { name: 'shop' } }).pod);
  expect(operations.map(({ op, path }) => `${op} ${path}`)).toEqual([
    'add /metadata/labels/linkerd.io~1control-plane-ns',
    'add /metadata/labels/linkerd.io~1workload-ns',
    'add /metadata/annotations/linkerd.io~1created-by',
    'add /metadata/annotations/linkerd.io~1proxy-version',
    'add /spec/initContainers/0',
    'add /spec/initContainers/1',
    'add /spec/volumes/0',
    'add /spec/volumes/1',
    'add /spec/volumes/2',
  ]);
});
