import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DerError, der, readElement, readElements, tag } from './der.ts';

test('an element is read as it was written, whatever its length', () => {
  for (const length of [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff]) {
    const written = der(tag.octetString, Buffer.alloc(length, 7));
    const read = readElement(written, tag.octetString);
    expect(read.content.equals(Buffer.alloc(length, 7))).toBe(true);
    expect(read.raw.equals(written)).toBe(true);
  }
  expect(() => der(tag.octetString, Buffer.alloc(0x1_0000))).toThrow(DerError);
});

test.each([
  ['nothing', '', 'there must be one element, and there are 0'],
  ['two elements', '05000500', 'there must be one element, and there are 2'],
  ['one without a length', '30', 'the bytes end within an element'],
  ['one that is cut off', '3003020', 'the bytes end within an element'],
  ['one whose length is cut off', '308201', 'the length of an element cannot be read'],
  ['one of a length that is not told', '30800000', 'the length of an element cannot be read'],
  ['one of four gigabytes', '3084ffffffff', 'the length of an element cannot be read'],
  ['another kind', '0500', 'an element has the tag 5 where 48 must stand'],
])('%s is refused', (_what, hex, message) => {
  expect(() => readElement(Buffer.from(hex, 'hex'), tag.sequence)).toThrow(message);
});

test('bytes of any kind are elements that lie within them, or a DerError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        const elements = readElements(bytes);
        expect(Buffer.concat(elements.map(({ raw }) => raw))).toEqual(Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
      }
    }),
  );
});
