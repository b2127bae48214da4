import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseExposition, type Sample } from './exposition.ts';
import { type ExpositionBounds, ExpositionReader, type WantedSamples } from './exposition-reader.ts';

const encoder = new TextEncoder();

function read(chunks: readonly Uint8Array[], wanted: WantedSamples, bounds?: ExpositionBounds): Sample[] {
  const samples: Sample[] = [];
  const reader = new ExpositionReader(wanted, (sample) => samples.push(sample), bounds);
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return samples;
}

const text = '# HELP a_total ä\n# TYPE a_total counter\na_total{x="ü",y="\\"\\n"} 2\na_totals 9\na_total 3\nb{x="ü"} 4';

it('gives the wanted samples of a text, however its bytes come', () => {
  const expected = parseExposition(text).filter(({ name }) => name === 'a_total' || name === 'b');
  const bytes = encoder.encode(text);
  const cuts = fc.array(fc.nat(bytes.length), { maxLength: 20 }).map((all) => all.sort((a, b) => a - b));
  fc.assert(
    fc.property(cuts, (at) => {
      const chunks = [0, ...at].map((from, i) => bytes.subarray(from, at[i] ?? bytes.length));
      expect(read(chunks, { metrics: ['a_total', 'b'] })).toEqual(expected);
    }),
  );
});

it('gives only lines in which all the wanted texts stand', () => {
  const lines = 'a{d="in"} 1\na{d="out"} 2\na{d="out",n="x"} 3\n';
  const found = read([encoder.encode(lines)], { metrics: ['a'], texts: ['d="out"', 'n="x"'] });
  expect(found.map(({ value }) => value)).toEqual([3]);
});

it('does not read on in a line that is too long, whether or not its end comes', () => {
  const wanted = { metrics: ['a'] };
  const bounds = { maxLineBytes: 100 };
  const endless = Array.from({ length: 1000 }, () => encoder.encode('a'.repeat(40)));
  expect(() => read(endless, wanted, bounds)).toThrow('gave a line of more than 100 bytes');
  expect(() => read([encoder.encode(`a{x="${'y'.repeat(100)}"} 1\n`)], wanted, bounds)).toThrow(
    'of more than 100 bytes',
  );
  expect(read([encoder.encode(`a{x="${'y'.repeat(90)}"} 1\n`)], wanted, bounds)).toHaveLength(1);
});

it('does not read on in a text that has no end', () => {
  const endless = Array.from({ length: 1000 }, () => encoder.encode('b 1\n'));
  expect(() => read(endless, { metrics: ['a'] }, { maxBytes: 1000 })).toThrow('gave more than 1000 bytes of metrics');
});
