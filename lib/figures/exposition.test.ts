import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExposition } from './exposition.ts';

describe('the exposition format', () => {
  it('gives names, labels and values; escapes are undone', () => {
    const text = `# HELP a b\n# TYPE a counter\na{x="1",y="q\\"\\\\\\n,}"} 2\nb 3.5\nc_bucket{le="+Inf"} +Inf\n`;
    expect(parseExposition(text)).toEqual([
      { name: 'a', labels: { x: '1', y: 'q"\\\n,}' }, value: 2 },
      { name: 'b', labels: {}, value: 3.5 },
      { name: 'c_bucket', labels: { le: '+Inf' }, value: Number.POSITIVE_INFINITY },
    ]);
  });

  it('passes over a line whose labels are none', () => {
    expect(parseExposition('a{x="1" 2\na{x=1} 2\na{x="1",,y="2"} 2\na{x="1",} 3\n')).toEqual([
      { name: 'a', labels: { x: '1' }, value: 3 },
    ]);
  });

  it('takes time by the length of a line, whatever stands in it', () => {
    const startMs = performance.now();
    for (const labels of ['a'.repeat(1e6), 'a="'.repeat(3e5), ' '.repeat(1e6), '}'.repeat(1e6)]) {
      expect(parseExposition(`x{${labels}} 1\n`)).toEqual([]);
    }
    // From each character on it would be hours.
    expect(performance.now() - startMs).toBeLessThan(5000);
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseExposition(text))));
  });
});
