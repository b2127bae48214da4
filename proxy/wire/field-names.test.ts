import { expect, it } from 'vitest';
import { Field } from './field.ts';
import { withoutNames } from './field-names.ts';

it('a header that is written by the mesh alone is taken away in each spelling that some application takes for it', () => {
  const names = ['x-user', 'x_user', 'x.user', 'x~user', 'x-userx', 'xuser', 'x-use'];
  const fields = names.map((name) => new Field(name, ''));
  expect(withoutNames(new Set(['x-user']), fields).map(({ name }) => name)).toEqual(['x-userx', 'xuser', 'x-use']);
  expect(withoutNames(new Set(['y']), fields)).toBe(fields);
});
