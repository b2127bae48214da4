import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { readYaml } from '../../control-plane/sources/kubectl-yaml.ts';
import { goReader, pythonReader } from '../../test/inject/other-readers.ts';
import { editYaml } from './edit-yaml.ts';
import { blockYaml, flowYaml } from './write-yaml.ts';

// biome-ignore lint/suspicious/noExplicitAny: the tests change parts of manifests by their names.
type Json = Record<string, any>;

/** Edits a text by a function over a copy of what was read. */
function edit(text: string, change: (value: Json) => void): string | undefined {
  const { document, value } = readYaml(text)!;
  const after = structuredClone(value) as Json;
  change(after);
  return editYaml(text, document, value, after);
}

const block = `# of the shop
apiVersion: v1
kind: Pod
metadata:
  name: "on"   # a word that is a boolean elsewhere
  labels: {app: web, "y": 'no'}
spec:
  containers:
  # the web server
  - name: web
    image: shop/web
    env:
      - {name: MODE, value: "0400"}
    # not yet
    # command: [x]
  volumes:
  - name: keys
    secret: {secretName: keys, defaultMode: 0400} # owner only
`;

describe('a document is edited in place', () => {
  it('keys are added behind the others, and all else keeps its bytes', () => {
    const edited = edit(block, (pod) => {
      pod.metadata.annotations = { 'tulle.dev/inject': 'enabled' };
      pod.metadata.labels.tier = '1_000';
    });
    expect(edited).toBe(
      block.replace(
        `labels: {app: web, "y": 'no'}\n`,
        `labels: {app: web, "y": 'no', "tier": "1_000"}\n  annotations:\n    tulle.dev/inject: enabled\n`,
      ),
    );
  });

  it('items come before and behind others, above the comments that speak of these', () => {
    const edited = edit(block, ({ spec }) => {
      spec.containers.unshift({ name: 'first', args: ['yes'] });
      spec.volumes.push({ name: 'more', emptyDir: {} });
    });
    expect(edited).toBe(
      `${block.replace('  # the web server', '  - name: first\n    args:\n      - "yes"\n  # the web server')}  - name: more\n    emptyDir: {}\n`,
    );
  });

  it('what goes leaves nothing behind', () => {
    const edited = edit(block, ({ metadata, spec }) => {
      metadata.labels = { app: 'web' };
      delete spec.volumes;
      delete spec.containers[0].image;
    });
    expect(edited).toBe(
      block
        .replace(`, "y": 'no'`, '')
        .replace('    image: shop/web\n', '')
        .replace(/ {2}volumes:[\s\S]*$/, ''),
    );
  });

  it('the first key behind a dash can go', () => {
    expect(edit('a:\n  - b: 1\n    c: 2\n', ({ a }) => delete a[0].b)).toBe('a:\n  - c: 2\n');
  });

  it('empty values are filled', () => {
    const text = 'spec:\n  ports: # none yet\n  labels: {}\n  items: []\n';
    const edited = edit(text, ({ spec }) =>
      Object.assign(spec, { ports: [{ port: 1 }], labels: { a: 'b' }, items: [1] }),
    );
    expect(edited).toBe('spec:\n  ports:\n    - port: 1 # none yet\n  labels:\n    a: b\n  items:\n    - 1\n');
  });

  it('JSON stays JSON, on a line or on many', () => {
    const object = { kind: 'Pod', metadata: { name: 'web' }, spec: { containers: [{ name: 'web' }] } };
    for (const text of [JSON.stringify(object), JSON.stringify(object, null, 2)]) {
      const edited = edit(text, ({ metadata, spec }) => {
        metadata.labels = { 'on"\u2028': 'yes' };
        spec.containers.unshift({ name: 'first' });
        spec.volumes = [{ name: 'more' }];
      });
      expect(JSON.parse(edited!)).toEqual({
        kind: 'Pod',
        metadata: { name: 'web', labels: { 'on"\u2028': 'yes' } },
        spec: { containers: [{ name: 'first' }, { name: 'web' }], volumes: [{ name: 'more' }] },
      });
    }
  });

  it('lines keep the ends they have, the last one too', () => {
    expect(edit('a:\r\n  b: 1\r\nc: 2', (value) => Object.assign(value, { d: { e: 1 } }))).toBe(
      'a:\r\n  b: 1\r\nc: 2\r\nd:\r\n  e: 1',
    );
  });

  it('a merged key that changes is written beside the merge', () => {
    const text = 'a: &s {list: [{name: x}]}\nb: {<<: *s, own: 1}\n';
    const edited = edit(text, ({ b }) => {
      b.list = [{ name: 'x' }, { name: 'y' }];
    });
    expect(edited).toBe('a: &s {list: [{name: x}]}\nb: {<<: *s, own: 1, "list": [{"name": "x"}, {"name": "y"}]}\n');
  });

  it('an anchor whose owner alone changes is no place to edit', () => {
    expect(edit('a: &s {x: 1}\nb: *s\n', ({ a }) => Object.assign(a, { y: 2 }))).toBeUndefined();
  });
});

const texts = [
  block,
  block.replaceAll('\n', '\r\n'),
  'a: {b: [1, {c: d}, [e]], f: {g: {}}, h: }\nlist:\n- a\n- - b\n  - c\n-\n- d: 1\n  e: |\n    text\n\n  f: 2\nlast: >-\n  folded\n  text\n',
  '{"a": {"b": [1, 2, {"c": null}]}, "d": "e"}',
  'a:\n    b:\n    -   c: 0400\n        d: "yes"\n    -   e: no\nf: &x {g: 1}\nh: {<<: *x, i: 2}\n# end\n',
];
const key = fc.constantFrom('a', 'y', 'on', '<<', '0o7', 'name', 'x: y', '# no', 'é\u2028', '');
const leaf = fc.oneof(
  key,
  fc.constantFrom('null', '1_0', '08', '1:30', 'two\nlines\n', ' x', '~', 'a: b'),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const { value: anything } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));

/** Changes somewhere in a value: adds, replaces or takes away. */
function changed(value: unknown, path: readonly number[], added: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined || typeof value !== 'object' || value === null) return added;
  if (Array.isArray(value)) {
    const at = step % (value.length + 1);
    if (rest.length === 0) return value.toSpliced(at, step % 2, ...(step % 3 === 0 ? [] : [added]));
    return at === value.length ? [...value, added] : value.with(at, changed(value[at], rest, added));
  }
  const keys = Object.keys(value);
  const at = step % (keys.length + 1);
  if (at === keys.length) return { ...value, added };
  const name = keys[at];
  if (rest.length > 0) return { ...value, [name]: changed((value as Json)[name], rest, added) };
  return Object.fromEntries(Object.entries(value).filter(([one]) => one !== name));
}

const readers = [goReader(), pythonReader()];
afterAll(() => {
  for (const reader of readers) if ('close' in reader) (reader as ReturnType<typeof goReader>).close();
});

describe.each(readers)('$name reads what is written', (reader) => {
  if (reader.missing !== undefined) console.warn(`what is written is not read by ${reader.name}: ${reader.missing}`);
  const isGo = reader.name.includes('k8s');

  it.skipIf(reader.missing !== undefined)('anew', () => {
    const values = fc.sample(anything, isGo ? 300 : 60).map((v) => ({ v }));
    const written = values.flatMap((value) => [blockYaml(value), flowYaml(value)]);
    const readings = reader.read(written);
    const wrong = values.flatMap((value, index) =>
      [0, 1]
        .filter((way) => !isDeepStrictEqual(readings[index * 2 + way], { value }))
        .map((way) => written[index * 2 + way]),
    );
    expect(wrong).toEqual([]);
  });

  it.skipIf(reader.missing !== undefined)('in place, wherever something changes', () => {
    const cases = fc
      .sample(
        fc.tuple(fc.constantFrom(...texts), fc.array(fc.nat(50), { minLength: 1, maxLength: 5 }), anything),
        isGo ? 700 : 150,
      )
      .flatMap(([text, path, added]) => {
        const { document, value } = readYaml(text)!;
        const after = changed(value, path, added) as Json;
        if (typeof after !== 'object' || after === null || Array.isArray(after)) return [];
        const edited = editYaml(text, document, value, after);
        return [{ text, after, edited }];
      });
    const inPlace = cases.filter((one): one is typeof one & { edited: string } => one.edited !== undefined);
    expect(inPlace.length / cases.length).toBeGreaterThan(0.8);
    const readings = reader.read(inPlace.map(({ edited }) => edited));
    // The texts have numbers that Python reads otherwise than Go: of it only whether it can read them is asked.
    const wrong = inPlace.filter(({ after }, index) => {
      const reading = readings[index];
      return isGo ? !isDeepStrictEqual(reading, { value: JSON.parse(JSON.stringify(after)) }) : 'error' in reading;
    });
    expect(wrong.slice(0, 3)).toEqual([]);
  });
});
