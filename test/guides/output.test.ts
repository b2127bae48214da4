import { describe, expect, it } from 'vitest';
import { stepsOf } from './guide.ts';
import { difference } from './output.ts';

const same: [string, string][] = [
  ['NAME  SUCCESS\nweb   91.67%', 'NAME SUCCESS\nweb      89.10%\n'],
  ['web 4.5rps 3ms', 'web 3.1rps 2s'],
  ['web 0.5rps', 'web 1.1rps'],
  ['retries_total{route="web"} 48', 'retries_total{route="web"} 3'],
  ['errors 0', 'errors 0'],
  ['a\n…\nd', 'a\nb\nc\nd'],
  ['…\nb', 'a\nb'],
  ['a\n…', 'a\nb'],
  ['web … ok', 'web 17 ok'],
];
const other: [string, string, string][] = [
  ['web 100.00%', 'web 91.67%', 'instead of'],
  ['web 4.5rps', 'web 2.0rps', 'instead of'],
  ['retries_total{route="web"} 48', 'retries_total{route="api"} 48', 'instead of'],
  ['errors 0', 'errors 1', 'instead of'],
  ['errors 2', 'errors 0', 'instead of'],
  ['a\nb', 'a', 'did not print'],
  ['a', 'a\nb', 'also printed'],
  ['…\nc', 'a\nb', 'did not print'],
  ['a b', 'a', 'instead of'],
];

describe('what was printed', () => {
  it.each(same)('%j may be %j', (shown, printed) => expect(difference(shown, printed, 1)).toBeUndefined());
  it.each(other)('%j is not %j: %s', (shown, printed, said) => expect(difference(shown, printed, 1)).toContain(said));
  it('by a mesh that goes faster has more requests in a second', () => {
    expect(difference('web 5.0rps', 'web 25.0rps', 5)).toBeUndefined();
    expect(difference('web 5.0rps', 'web 5.0rps', 5)).toBeDefined();
  });
});

it('the steps of a guide are its files, programs and commands, with what those print', () => {
  const guide = [
    ...['# Title', '```yaml a.yaml', 'kind: A', '```', '```ts a.yaml', 'new A();', '```'],
    ...['```sh', 'first', 'second --long \\', '  --more   # why', '```', 'prints', '```text', 'this', '```'],
    ...['```yaml', 'kind: OnlyRead', '```', '## Next', '```text', 'said of nothing', '```', ''],
  ];
  expect(stepsOf(guide.join('\n'))).toEqual([
    { kind: 'file', line: 2, name: 'a.yaml', text: 'kind: A\n' },
    { kind: 'program', line: 5, name: 'a.yaml', text: 'new A();\n' },
    { kind: 'commands', line: 8, commands: ['first', 'second --long --more'], prints: 'this\n' },
  ]);
});
