import { expect, it } from 'vitest';
import { Field } from '../wire/field.ts';
import { formatFor } from './exposition-format.ts';

const open = 'application/openmetrics-text';

it.each<[boolean, string | undefined]>([
  [false, undefined],
  [false, '*/*'],
  [false, 'text/plain'],
  [false, 'application/*'],
  [true, open],
  [true, `${open}; version=1.0.0`],
  [true, `${open};version="1.0.0"`],
  [true, 'Application/OpenMetrics-Text'],
  // Prometheus 2, and 3.
  [true, `${open};version=1.0.0;q=0.5,${open};version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`],
  [true, `${open};version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`],
  // Told by a Prometheus that is set to plain text.
  [false, `text/plain;version=0.0.4;q=0.5,${open};version=1.0.0;q=0.4`],
  [false, `text/plain, ${open};q=0.9`],
  [true, `text/plain, ${open}`],
  [false, `${open};version=0.0.1`],
  [false, `${open};version=2.0.0`],
  [false, `${open};q=0`],
  [false, `${open};q=0.000`],
  [false, `${open};q=x`],
  [false, `${open};q=9`],
  [false, `x${open}`],
  [false, `${open}x`],
  [false, `${'a,'.repeat(10_000)}${open}`],
  [false, ',;=,;q=,'],
])('OpenMetrics: %s for %s', (isOpen, accept) => {
  const format = formatFor(accept === undefined ? [] : [new Field('accept', accept)]);
  expect(format.withExemplars).toBe(isOpen);
  expect(format.contentType).toContain(isOpen ? 'openmetrics-text; version=1.0.0' : 'text/plain; version=0.0.4');
});
