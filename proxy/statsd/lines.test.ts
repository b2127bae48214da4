import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Lines, type TagFormat, tagFormats } from './lines.ts';
import type { Measurement } from './measurements.ts';
import { Packets } from './packets.ts';

const counted: Measurement = {
  ...{ name: 'response_total', kind: 'c', value: 3, count: 1 },
  labels: 'direction="inbound",authority="web:80",status_code="200",classification="success"',
};
const line = (tags: TagFormat, changes: Partial<Measurement> = {}): string =>
  new Lines('tulle.', tags).of({ ...counted, ...changes });

it.each([
  ['dogstatsd', 'tulle.response_total:3|c|#direction:inbound,authority:web_80,status_code:200,classification:success'],
  ['librato', 'tulle.response_total#direction=inbound,authority=web_80,status_code=200,classification=success:3|c'],
  ['none', 'tulle.response_total.inbound.success:3|c'],
] as [TagFormat, string][])('labels are told as %s has it', (tags, expected) => {
  expect(line(tags)).toBe(expected);
});

it('a value that was measured several times is told once, with its rate', () => {
  const measured = { name: 'response_latency_ms', labels: '', kind: 'ms', value: 20, count: 8 } as const;
  expect(line('dogstatsd', measured)).toBe('tulle.response_latency_ms:20|ms|@0.125');
  expect(line('none', { ...measured, count: 3 })).toBe('tulle.response_latency_ms:20|ms|@0.333333');
});

it('what is no time is a histogram where there is one', () => {
  expect(line('dogstatsd', { kind: 'h', labels: '' })).toBe('tulle.response_total:3|h');
  expect(line('none', { kind: 'h', labels: '' })).toBe('tulle.response_total:3|ms');
});

it('a gauge below 0 is set, not made less', () => {
  expect(line('none', { kind: 'g', labels: '', value: -2 })).toBe(
    'tulle.response_total:0|g\ntulle.response_total:-2|g',
  );
});

it('whatever stands in a label, a line is one metric with as many tags as there are labels', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.constantFrom(...tagFormats), (value, tags) => {
      const escaped = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
      const told = line(tags, { labels: `authority="${escaped}",direction="inbound"` });
      expect(told).toMatch(/^[!-~]+$/);
      expect(told.length).toBeLessThan(300);
      expect(told.match(/\|/g)).toHaveLength(tags === 'dogstatsd' ? 2 : 1);
      expect(told.match(/,/g) ?? []).toHaveLength(tags === 'none' ? 0 : 1);
      expect(told.match(/:/g)).toHaveLength(tags === 'dogstatsd' ? 3 : 1);
    }),
  );
});

it('numbers are never written with an exponent', () => {
  expect(line('none', { labels: '', value: 1e-7, kind: 'g' })).not.toContain('e-');
  expect(line('none', { labels: '', value: 0.25, kind: 'g' })).toBe('tulle.response_total:0.25|g');
});

it('packets hold whole lines, and no more than they may', () => {
  const lines = fc.array(
    fc.integer({ min: 1, max: 60 }).map((length) => 'x'.repeat(length)),
    { maxLength: 50 },
  );
  fc.assert(
    fc.property(lines, (all) => {
      const packets = new Packets(64);
      const sent = [...all.map((one) => packets.add(one)), packets.take()].filter((packet) => packet !== undefined);
      for (const packet of sent) expect(packet.length).toBeLessThanOrEqual(64);
      expect(sent.flatMap((packet) => packet.split('\n'))).toEqual(all);
      expect(packets.take()).toBeUndefined();
    }),
  );
});
