import { beforeEach, expect, it } from 'vitest';
import { overrideIn } from '../route/request-override.ts';
import { exchangeOf, testSide } from '../testing/exchanges.ts';
import type { FakeClock } from '../testing/fake-clock.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import { ErrorCode } from '../wire/stream.ts';
import type { Exchange } from './exchange.ts';
import { TraceOverrides } from './trace-overrides.ts';

let side: ReturnType<typeof testSide>;
let clock: FakeClock;
let overrides: TraceOverrides;
beforeEach(() => {
  side = testSide();
  clock = side.clock as FakeClock;
  overrides = new TraceOverrides(side.deadlines);
});

const traceparent = (id: number | string): Field =>
  new Field('traceparent', `00-${String(id).padStart(32, 'a')}-00f067aa0ba902b7-01`);
const asking = (value: string): Field => new Field('baggage', `tulle-override=${value}`);
function request(...fields: Field[]): Exchange {
  return exchangeOf(side, { version: 'http2', head: { fields, marks: marksOfAll(fields) } }).exchange;
}
function taken(isMeshed: boolean, ...fields: Field[]): Exchange {
  const exchange = request(...fields);
  overrides.take(exchange, isMeshed);
  return exchange;
}
/** What is asked for by a request that the workload sends. */
function sent(...fields: Field[]): string | undefined {
  const exchange = request(...fields);
  if (!overrides.isEmpty) overrides.addTo(exchange);
  return overrideIn(exchange.outgoing.fields);
}
const end = (exchange: Exchange): void => exchange.onReset(ErrorCode.cancel, 'over');

it('what a request asks for is added to what its trace sends without baggage, and to nothing else', () => {
  taken(true, traceparent(1), asking('a.b:c'));
  expect(sent(traceparent(1))).toBe('a.b:c');
  expect(sent(traceparent(2))).toBeUndefined();
  expect(sent()).toBeUndefined();
  expect(sent(traceparent(1), new Field('baggage', 'user=1'))).toBeUndefined();
  expect(sent(traceparent(1), asking('d.e:f'))).toBe('d.e:f');
});

it('it is known while the request goes on, and for a few seconds after', () => {
  const long = taken(true, traceparent(1), asking('a.b:c'));
  clock.advance(60_000);
  end(taken(true, traceparent(1), asking('other.b:c')));
  expect(sent(traceparent(1))).toBe('a.b:c');
  end(long);
  clock.advance(2400);
  expect(sent(traceparent(1))).toBe('a.b:c');
  clock.advance(5200);
  expect([sent(traceparent(1)), overrides.isEmpty, side.deadlines.armed]).toEqual([undefined, true, 0]);
});

it('what asks for nothing that can be read, or is of no trace, is not kept', () => {
  taken(true, traceparent(1), asking('garbage'));
  taken(true, traceparent(1), new Field('baggage', 'a=b'));
  taken(true, asking('a.b:c'));
  taken(true, new Field('traceparent', 'garbage'), asking('a.b:c'));
  expect(overrides.isEmpty).toBe(true);
});

it('what clients ask for that are not of the mesh goes no further, and the rest of their baggage does', () => {
  const { outgoing } = taken(false, traceparent(1), new Field('baggage', 'a=b,tulle-override=a.b:c'));
  expect(outgoing.fields.map(({ value }) => value).at(-1)).toBe('a=b');
  expect(overrides.isEmpty).toBe(true);
});

it('is bounded, however many traces and requests there are', () => {
  for (let i = 0; i < 5000; i++) end(taken(true, traceparent(i), asking('a.b:c')));
  expect([sent(traceparent(4000)), sent(traceparent(4999))]).toEqual(['a.b:c', undefined]);
  for (let i = 0; i < 200; i++) taken(true, traceparent(1), asking('a.b:c'));
  expect(side.deadlines.armed).toBe(4096);
  clock.advance(10_000);
  expect(sent(traceparent(1))).toBe('a.b:c');
  taken(true, traceparent(4999), asking('d.e:f'));
  expect(sent(traceparent(4999))).toBe('d.e:f');
});
