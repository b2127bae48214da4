import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OutputBuffer } from './output-buffer.ts';

it('writes integers as they are written', () => {
  const edges = [9, 10, 99, 100, 999_999_999, 1e9, 1e9 + 1, 2 ** 31 - 1, 2 ** 31, 1e18 / 1000, Number.MAX_SAFE_INTEGER];
  const integers = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, ...edges));
  fc.assert(
    fc.property(fc.array(integers), (many) => {
      const out = new OutputBuffer();
      for (const each of many) {
        out.appendInteger(each);
        out.appendLatin1(' ');
      }
      expect(Buffer.from(out.bytes.subarray(0, out.length)).toString()).toBe(many.map((each) => `${each} `).join(''));
    }),
  );
});
