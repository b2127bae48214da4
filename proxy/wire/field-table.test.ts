import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FieldTable } from './field-table.ts';

const encode = (text: string) => Buffer.from(text, 'latin1');
const get = (table: FieldTable, name: string, value: string) => {
  const bytes = encode(`${name}:${value}`);
  return table.get(bytes, 0, name.length, name.length + 1, bytes.length);
};

describe('FieldTable', () => {
  it('gives one object for a field from its second sight on', () => {
    const table = new FieldTable(7);
    get(table, 'Accept', '*/*');
    const second = get(table, 'accept', '*/*');
    expect(second.interned).toBe(true);
    expect(get(table, 'ACCEPT', '*/*')).toBe(second);
  });

  it('never keeps a secret', () => {
    const table = new FieldTable(7);
    for (const name of ['Authorization', 'cookie', 'set-cookie', 'proxy-authorization']) {
      const fields = [1, 2, 3].map(() => get(table, name, 'secret'));
      expect(fields.every((field) => field.sensitive && !field.interned)).toBe(true);
      expect(new Set(fields).size).toBe(3);
    }
  });

  it('never keeps what its sender asked not to be kept', () => {
    const table = new FieldTable(7);
    const bytes = encode('x-key:secret');
    const fields = [1, 2, 3].map(() => table.secret(bytes, 0, 5, 6, bytes.length));
    expect(fields.map(({ name, value, sensitive, interned }) => [name, value, sensitive, interned])).toEqual(
      new Array(3).fill(['x-key', 'secret', true, false]),
    );
    // Nor does it count as a first sight.
    expect(get(table, 'x-key', 'secret').interned).toBe(false);
  });

  it('never mixes up two fields, however often they come', () => {
    const pair = fc.tuple(
      fc.string({ unit: fc.constantFrom('a', 'b', 'X', '-'), minLength: 1, maxLength: 3 }),
      fc.string({ unit: fc.constantFrom('1', '2', '\xff', ':'), maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 200 }), fc.integer(), (pairs, seed) => {
        const table = new FieldTable(seed);
        for (const [name, value] of pairs) {
          const field = get(table, name, value);
          expect([field.name, field.value]).toEqual([name.toLowerCase(), value]);
        }
      }),
    );
  });
});
