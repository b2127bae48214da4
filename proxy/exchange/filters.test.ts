import { beforeEach, expect, it } from 'vitest';
import type { Backend } from '../backend/backend.ts';
import { Filtered } from '../backend/filtered.ts';
import { Cors } from '../filter/cors.ts';
import { Delay, FailureInjector } from '../filter/fault.ts';
import { Answer, Filters, type RequestFilter } from '../filter/filter.ts';
import { HeaderModifier } from '../filter/header-modifier.ts';
import { Redirect } from '../filter/redirect.ts';
import { UrlRewrite } from '../filter/url-rewrite.ts';
import { exchangeOf, TestConnection, testSide } from '../testing/exchanges.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import { ErrorCode } from '../wire/stream.ts';
import type { Exchange } from './exchange.ts';
import type { ExchangeSide } from './exchange-side.ts';
import { plainPlan } from './plan.ts';

let clock: FakeClock;
let side: ExchangeSide;
let connection: TestConnection;
let finished: Exchange[];
const start: Backend = { isAvailable: true, send: (attempt) => void attempt.start(connection, 0) };
const header = (name: string, value: string) => new HeaderModifier([], [{ name, value }], []);
const redirect = new Redirect({ scheme: undefined, host: 'x.org', port: undefined, path: undefined, status: 302 });
const failing = (ratio?: { numerator: number; denominator: number }) =>
  new FailureInjector(new Answer(503, 9, 'so it is told', [], 'injected'), ratio);
const ofGrpc = (...fields: Field[]) => {
  const all = [new Field('content-type', 'application/grpc'), ...fields];
  return { fields: all, marks: marksOfAll(all) };
};

beforeEach(() => {
  finished = [];
  clock = new FakeClock();
  side = testSide([{ onFinish: (exchange) => finished.push(exchange) }], clock);
  connection = new TestConnection();
});

function begun(filters: Filters, options: Parameters<typeof exchangeOf>[1] = {}, sender = start) {
  const made = exchangeOf(side, { tellsWhy: true, ...options });
  made.exchange.begin({ ...plainPlan(sender), filters });
  return made;
}
const requestFilters = (...filters: RequestFilter[]) => new Filters([], filters, []);
/** The same for filters of a rule and of a backend. */
const both = [
  ['a rule', (filters: Filters, options?: Parameters<typeof exchangeOf>[1]) => begun(filters, options)],
  [
    'a backend',
    (filters: Filters, options?: Parameters<typeof exchangeOf>[1]) =>
      begun(new Filters([], [], []), options, new Filtered(start, filters)),
  ],
] as const;

it.each(both)('filters of %s change what goes on, and what comes back', (_, begin) => {
  const filters = new Filters([], [header('x-a', '1'), new UrlRewrite('y.org', undefined)], [header('x-b', '2')]);
  const { client, exchange } = begin(filters);
  connection.last.answer();
  expect(connection.last.head).toMatchObject({ authority: 'y.org', fields: [{ name: 'x-a', value: '1' }] });
  expect(client.heads[0].fields).toMatchObject([{ name: 'x-b', value: '2' }]);
  expect(exchange.head).toMatchObject({ authority: 'web', fields: [] });
});

it('those of a backend see what those of the rule made, and the other way back', () => {
  const backend = new Filters([], [header('x', 'backend')], [header('x', 'backend')]);
  const { client } = begun(
    new Filters([], [header('x', 'rule')], [header('x', 'rule')]),
    {},
    new Filtered(start, backend),
  );
  connection.last.answer();
  expect(connection.last.head.fields).toMatchObject([{ name: 'x', value: 'backend' }]);
  expect(client.heads[0].fields).toMatchObject([{ name: 'x', value: 'rule' }]);
});

it('a second try goes through those of its backend anew, and through those of the rule not', () => {
  const add = new HeaderModifier([{ name: 'x', value: '1' }], [], []);
  begun(requestFilters(add), {}, new Filtered(start, requestFilters(add)));
  connection.last.refuse();
  expect(connection.upstreams.map(({ head }) => head.fields.length)).toEqual([2, 2]);
});

it.each(both)('a redirect of %s is answered, and nothing goes on', (_, begin) => {
  const { client, exchange } = begin(requestFilters(redirect));
  expect(connection.requests).toBe(0);
  expect(client.heads).toMatchObject([
    { status: 302, contentLength: 0, fields: [{ name: 'location', value: 'http://x.org/' }] },
  ]);
  expect([client.ended, exchange.status, exchange.error, exchange.failure, finished.length]).toEqual([
    true,
    302,
    undefined,
    undefined,
    1,
  ]);
});

it('to gRPC a redirect is NOT_FOUND', () => {
  const { client, exchange } = begun(requestFilters(redirect), { version: 'http2', head: ofGrpc() });
  expect(client.heads[0]).toMatchObject({ status: 200 });
  expect(client.heads[0].fields.map(({ name, value }) => `${name}=${value}`)).toEqual([
    'content-type=application/grpc',
    'grpc-status=5',
    'grpc-message=redirected',
    'location=http://x.org/',
  ]);
  expect(exchange.grpcStatus).toBe(5);
});

it.each(both)('a failure that %s injects is one of the proxy, told as it says', (_, begin) => {
  const { client, exchange } = begin(requestFilters(failing()));
  expect(client.heads[0]).toMatchObject({
    status: 503,
    fields: [{ name: 'l5d-proxy-error', value: 'so it is told' }],
  });
  expect([exchange.error, exchange.failure?.code, connection.requests]).toEqual(['injected', 'injected', 0]);
});

it('a client that is told nothing is not told the message, but one of gRPC is', () => {
  expect(begun(requestFilters(failing()), { tellsWhy: false }).client.heads[0].fields).toEqual([]);
  const { client } = begun(requestFilters(failing()), { tellsWhy: false, head: ofGrpc() });
  expect(client.heads[0].fields.slice(1)).toMatchObject([
    { name: 'grpc-status', value: '9' },
    { name: 'grpc-message', value: 'so it is told' },
  ]);
});

it('requests that a share spares go on', () => {
  begun(requestFilters(failing({ numerator: 1, denominator: 2 })));
  expect(connection.requests).toBe(1);
});

it('the body of a request that is answered is not wanted, and is taken', () => {
  const { client, exchange } = begun(requestFilters(redirect), { end: false, version: 'http2' });
  expect(client.resets).toEqual([ErrorCode.noError]);
  exchange.onData(Buffer.from('late'), true);
  expect(client.credited).toBe(4);
  expect(side.keptBytes.used).toBe(0);
});

it('a preflight is answered, and a response of the same rule permitted', () => {
  const cors = new Cors({
    allowOrigins: ['http://a.b'],
    allowCredentials: false,
    allowMethods: [],
    allowHeaders: [],
    exposeHeaders: [],
    maxAgeSeconds: 5,
  });
  const filters = new Filters([], [cors], [cors]);
  const origin = new Field('origin', 'http://a.b');
  const asked = new Field('access-control-request-method', 'PUT');
  expect(begun(filters, { head: { method: 'OPTIONS', fields: [origin, asked] } }).client.status).toBe(200);
  expect(connection.requests).toBe(0);
  const { client } = begun(filters, { head: { fields: [origin] } });
  connection.last.answer();
  expect(client.heads[0].fields.map(({ name }) => name)).toEqual(['access-control-allow-origin', 'vary']);
});

const delayed = new Filters([new Delay(200, undefined)], [header('x', '1')], []);

it.each(both)('a delay of %s has the request wait so long, with what comes of its body, and then go on', (_, begin) => {
  const { exchange } = begin(delayed, { end: false });
  exchange.onData(Buffer.from('one '), false);
  clock.advance(190);
  expect([connection.requests, side.deadlines.armed]).toEqual([0, 1]);
  clock.advance(20);
  exchange.onData(Buffer.from('two'), true);
  expect([connection.last.body, connection.last.ended, side.deadlines.armed]).toEqual(['one two', true, 0]);
  expect(connection.last.head.fields).toHaveLength(1);
});

it.each(both)('a client that goes away ends the wait of %s', (_, begin) => {
  const { exchange } = begin(delayed, { end: false });
  exchange.onReset(ErrorCode.cancel, 'gone');
  expect([side.deadlines.armed, exchange.error, side.keptBytes.used]).toEqual([0, 'client cancelled', 0]);
  clock.advance(1000);
  expect(connection.requests).toBe(0);
});
