import { describe, expect, it } from 'vitest';
import type { Exchange } from '../exchange/exchange.ts';
import { plainPlan, type RoutePlan, type Sender } from '../exchange/plan.ts';
import { failures } from '../exchange/proxy-failure.ts';
import { plaintextEndpoint } from '../model/endpoint-info.ts';
import { OtlpFormat } from '../telemetry/trace/otlp.ts';
import type { Span } from '../telemetry/trace/span.ts';
import { exchangeOf, requestOf, TestConnection, testOrigin, testSide } from '../testing/exchanges.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import { OutputBuffer } from '../wire/output-buffer.ts';
import { Tracing } from './tracing.ts';

type Header = readonly [name: string, value: string];

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';
const sampled: Header = ['traceparent', `00-${traceId}-${parentId}-01`];

/** A span with its ids as texts. */
const shown = (span: Span) => ({
  ...span,
  traceId: `${span.traceId}`,
  spanId: `${span.spanId}`,
  parentId: span.parentId && `${span.parentId}`,
});

/** A side of the proxy that traces, and a sender to one endpoint. */
function setup({ rate = 0, direction = 'outbound' as 'inbound' | 'outbound', random = () => Math.random() } = {}) {
  const recorded: Span[] = [];
  const spans: ReturnType<typeof shown>[] = [];
  const record = (span: Span): void => {
    recorded.push(span);
    spans.push(shown(span));
  };
  const clock = Object.assign(new FakeClock(), { random });
  const tracing = new Tracing({ clock, sampleRate: rate, record });
  const side = testSide([tracing], clock);
  const connection = new TestConnection();
  const info = { ...plaintextEndpoint('10.0.0.7', 8080, 'loopback'), labels: { service: 'web', namespace: 'shop' } };
  const endpoint = { info, hasOthers: false, onFirstByte: () => {}, onOver: () => {} };
  const sender: Sender = {
    send: (attempt) => {
      attempt.endpoint = endpoint;
      attempt.extra = [new Field('l5d-own', 'x')];
      attempt.start(connection, clock.nowMs());
    },
  };
  let origin: Exchange['origin'] | undefined;
  const begin = (headers: readonly Header[], plan: RoutePlan = plainPlan(sender), head = {}): Exchange => {
    const fields = headers.map(([name, value]) => new Field(name, value));
    const { exchange } = exchangeOf(side, { head: { fields, marks: marksOfAll(fields), ...head } });
    // All come over one connection.
    origin ??= { ...exchange.origin, direction };
    Object.assign(exchange, { origin });
    exchange.begin(plan);
    return exchange;
  };
  /** What the upstream got of traces, in the head and behind it. */
  const got = (at = 0): Header[] => {
    const { head, extra } = connection.upstreams[at];
    return [...head.fields, ...extra].map(({ name, value }) => [name, value] as const);
  };
  return { recorded, spans, clock, tracing, side, connection, sender, begin, got };
}

const attributes = (span: Pick<Span, 'attributes'>): object =>
  Object.fromEntries(span.attributes.flatMap(({ list }) => list));

describe('a request of a trace that is recorded', () => {
  it('goes out with the id of its span, and is one span of a client', () => {
    const { spans, clock, connection, begin, got } = setup();
    begin([['a', '1'], sampled, ['tracestate', 'foo=1']], undefined, { authority: 'web.shop:80', path: '/x?token=1' });
    clock.advance(5);
    connection.last.answer(200);
    expect(spans.length).toBe(1);
    const [span] = spans;
    expect(got()).toEqual([
      ['a', '1'],
      ['tracestate', 'foo=1'],
      ['l5d-own', 'x'],
      ['traceparent', `00-${traceId}-${span.spanId}-01`],
    ]);
    expect(span).toMatchObject({ traceId, parentId, state: 'foo=1', kind: 'client', name: 'GET', error: undefined });
    expect(span.endMs - span.startMs).toBe(5);
    expect(span.startMs).toBe(Date.UTC(2026));
    expect(span.peer).toEqual({ address: '10.0.0.7', port: 8080 });
    expect(attributes(span)).toEqual({
      'http.request.method': 'GET',
      'url.scheme': 'http',
      'url.path': '/x',
      'network.protocol.version': '1.1',
      'server.address': 'web.shop',
      'server.port': 80,
      'tulle.direction': 'outbound',
      'network.peer.address': '10.0.0.7',
      'network.peer.port': 8080,
      'tulle.backend': 'web.shop',
      'http.response.status_code': 200,
    });
  });

  it('comes in as one span of a server, which the application is told of', () => {
    const { spans, connection, begin, got } = setup({ direction: 'inbound' });
    begin([sampled]);
    connection.last.answer(200);
    expect(spans).toMatchObject([{ kind: 'server', parentId, peer: { address: '127.0.0.1', port: 4000 } }]);
    expect(got()).toContainEqual(['traceparent', `00-${traceId}-${spans[0].spanId}-01`]);
  });

  it('that is tried again is a span of each try below one of the whole', () => {
    const { spans, clock, connection, begin, got } = setup();
    begin([sampled]);
    clock.advance(3);
    connection.last.refuse();
    clock.advance(4);
    connection.last.answer(503);
    expect(spans.map(({ kind, parentId: parent, error }) => [kind, parent, error])).toEqual([
      ['internal', parentId, '503'],
      ['client', spans[0].spanId, 'repeated'],
      ['client', spans[0].spanId, '503'],
    ]);
    expect([got(0), got(1)].map((fields) => fields.at(-1)?.[1])).toEqual(
      spans.slice(1).map(({ spanId }) => `00-${traceId}-${spanId}-01`),
    );
    expect(spans.map(({ startMs, endMs }) => [startMs - Date.UTC(2026), endMs - Date.UTC(2026)])).toEqual([
      [0, 7],
      [0, 3],
      [3, 7],
    ]);
    expect(attributes(spans[0])).toMatchObject({ 'tulle.tries': 2 });
    expect(attributes(spans[2])).toMatchObject({ 'http.request.resend_count': 1 });
  });

  it('tells what decided about it, and of a call of gRPC its method and status', () => {
    const { spans, connection, sender, begin } = setup();
    const route = { group: 'gateway.networking.k8s.io', kind: 'GRPCRoute', name: 'vote' };
    const parent = { group: 'core', kind: 'Service', name: 'voting' };
    const plan = { ...plainPlan(sender), decided: { route, parent, authorization: undefined, override: undefined } };
    const grpc: Header = ['content-type', 'application/grpc'];
    begin([grpc, sampled], plan, { method: 'POST', path: '/shop.Voting/Vote' });
    connection.last.answer(200, true, [new Field('grpc-status', '5')]);
    expect(spans).toMatchObject([{ name: 'shop.Voting/Vote', error: '5' }]);
    expect(attributes(spans[0])).toMatchObject({
      'rpc.system': 'grpc',
      'rpc.service': 'shop.Voting',
      'rpc.method': 'Vote',
      'rpc.grpc.status_code': 5,
      'error.type': '5',
      'tulle.route': 'GRPCRoute/vote',
      'tulle.parent': 'Service/voting',
    });
  });

  it('that the proxy fails itself says why', () => {
    const { spans, begin } = setup();
    begin([sampled], plainPlan({ send: (attempt) => attempt.fail(failures.connect, 'nobody listens') }));
    expect(spans).toMatchObject([{ kind: 'client', error: failures.connect.kind }]);
    expect(attributes(spans[0])).toMatchObject({
      'error.type': failures.connect.kind,
      'error.message': `${failures.connect.message}: nobody listens`,
    });
  });

  it('that is refused before it goes anywhere is a span, too', () => {
    const { spans, tracing } = setup();
    const fields = [new Field(...(sampled as [string, string]))];
    tracing.onRefused(testOrigin('http2'), requestOf({ fields, marks: marksOfAll(fields) }), failures.unauthorized);
    expect(spans).toMatchObject([{ kind: 'server', traceId, parentId, error: failures.unauthorized.kind }]);
    expect(attributes(spans[0])).toMatchObject({ 'http.response.status_code': 403 });
  });

  it('is told in all the ways that it came in', () => {
    const { spans, connection, begin, got } = setup();
    begin([
      ['b3', `${traceId}-${parentId}-1`],
      ['x-b3-traceid', traceId],
      ['x-b3-spanid', parentId],
      ['x-b3-sampled', '1'],
    ]);
    connection.last.answer();
    const { spanId } = spans[0];
    expect(got().slice(1)).toEqual([
      ['b3', `${traceId}-${spanId}-1-${parentId}`],
      ['x-b3-traceid', traceId],
      ['x-b3-spanid', spanId],
      ['x-b3-parentspanid', parentId],
      ['x-b3-sampled', '1'],
    ]);
  });

  it('holds no more of what a peer says than a bound', () => {
    const { recorded, connection, begin } = setup();
    const long = 'x'.repeat(60_000);
    begin([sampled, ['content-type', 'application/grpc']], undefined, {
      method: long,
      path: `/${long}/${long}`,
      authority: long,
    });
    connection.last.answer();
    const out = new OutputBuffer();
    new OtlpFormat({ serviceName: 'web', attributes: [] }, '1').encode(out, recorded[0]);
    expect(out.length).toBeLessThan(4096);
  });
});

it.each(['inbound', 'outbound'] as const)(
  'tells of each %s request its own, however much it is like those before',
  (direction) => {
    const { spans, connection, begin } = setup({ direction });
    // Those that come again are written as one: each third is answered otherwise.
    for (let i = 0; i < 12; i++) {
      begin([sampled], undefined, { path: i % 4 === 3 ? '/b' : '/a' });
      connection.last.answer(i % 3 === 2 ? 404 : 200);
    }
    expect(spans.map((span) => attributes(span))).toMatchObject(
      spans.map((_, i) => ({
        'url.path': i % 4 === 3 ? '/b' : '/a',
        'http.response.status_code': i % 3 === 2 ? 404 : 200,
        'tulle.direction': direction,
        ...(direction === 'inbound' ? { 'client.address': '127.0.0.1' } : { 'network.peer.address': '10.0.0.7' }),
      })),
    );
  },
);

describe('a request that nobody has decided about', () => {
  it('goes as it came where no trace begins', () => {
    const { spans, connection, begin, got } = setup();
    const deferred: Header = ['b3', `${traceId}-${parentId}`];
    begin([deferred]);
    begin([]);
    for (const { handler } of connection.upstreams) handler.onReset(8, 'over');
    expect([got(0)[0], got(1), spans]).toEqual([deferred, [['l5d-own', 'x']], []]);
  });

  it('begins a trace by the rate, and tells it so', () => {
    const { spans, connection, begin, got } = setup({ rate: 0.5, random: () => 0.4 });
    begin([]);
    connection.last.answer();
    expect(spans).toMatchObject([{ parentId: undefined }]);
    expect(got().at(-1)).toEqual(['traceparent', `00-${spans[0].traceId}-${spans[0].spanId}-03`]);
  });

  it('is told of a no, so that nobody decides again', () => {
    const { spans, connection, begin, got } = setup({ rate: 0.5, random: () => 0.6 });
    begin([]);
    connection.last.answer();
    expect(got()).toEqual([
      ['l5d-own', 'x'],
      ['b3', '0'],
    ]);
    begin([['b3', 'broken']]);
    connection.last.answer();
    expect(got(1)).toEqual([
      ['b3', 'broken'],
      ['l5d-own', 'x'],
      ['traceparent', expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-02$/)],
    ]);
    begin([['b3', `${traceId}-${parentId}`]]);
    connection.last.answer();
    expect(got(2)).toEqual([
      ['l5d-own', 'x'],
      ['b3', `${traceId}-${parentId}-0`],
    ]);
    expect(spans).toEqual([]);
  });
});

describe('the rate of a rule', () => {
  const setupBy = (traceSampleRate: number | undefined, rate: number) => {
    const made = setup({ rate, random: () => 0.5 });
    const plan = { ...plainPlan(made.sender), traceSampleRate };
    return { ...made, begin: (...headers: Header[]) => made.begin(headers, plan) };
  };

  it.each([
    ['stands before a lower one of the proxy', 1, 0, true],
    ['stands before a higher one of the proxy', 0, 1, false],
    ['leaves that of the proxy where it says nothing', undefined, 1, true],
  ])('%s', (_name, ofRule, ofProxy, isRecorded) => {
    const { spans, connection, begin, got } = setupBy(ofRule, ofProxy);
    begin();
    connection.last.answer();
    expect(spans.length).toBe(isRecorded ? 1 : 0);
    // Whoever comes after is told, also of a no.
    expect(got().at(-1)?.[0]).toBe(isRecorded ? 'traceparent' : 'b3');
    begin(['b3', `${traceId}-${parentId}`]);
    connection.last.answer();
    expect(got(1).at(-1)?.[1]).toMatch(isRecorded ? /-1-00f067aa0ba902b7$/ : /-0$/);
  });

  it('decides nothing where somebody has', () => {
    const { spans, connection, begin } = setupBy(1, 1);
    begin(['b3', '0']);
    connection.last.answer();
    const silent = setupBy(0, 0);
    silent.begin(sampled);
    silent.connection.last.answer();
    expect([spans.length, silent.spans.length]).toEqual([0, 1]);
  });
});

it('a request of which somebody said no goes as it came, whatever the rate', () => {
  const { spans, connection, begin, got } = setup({ rate: 1 });
  const headers: Header[] = [
    ['traceparent', `00-${traceId}-${parentId}-00`],
    ['b3', '0'],
  ];
  for (const header of headers) begin([header]);
  for (const { handler } of connection.upstreams) handler.onReset(8, 'over');
  expect([got(0)[0], got(1)[0], spans]).toEqual([...headers, []]);
});

describe('broken headers', () => {
  const broken: Header = ['traceparent', '00-broken'];

  it('go on as they came, and the trace that begins is told beside them', () => {
    const { spans, connection, begin, got } = setup({ rate: 1 });
    begin([broken]);
    connection.last.answer();
    const { traceId: own, spanId } = spans[0];
    expect(got()).toEqual([broken, ['l5d-own', 'x'], ['b3', `${own}-${spanId}-1`]]);
  });

  it('do so ten at a time, in all ways', () => {
    const { spans, connection, begin, got } = setup({ rate: 1 });
    const all = ['b3', 'traceparent', 'grpc-trace-bin', 'x-b3-traceid', 'x-b3-flags'].flatMap((name): Header[] => [
      [name, 'broken'],
      [name, `00-${traceId}-${parentId}-01`],
    ]);
    begin(all);
    connection.last.answer();
    expect(got()).toEqual([...all, ['l5d-own', 'x']]);
    expect(spans).toMatchObject([{ parentId: undefined }]);
    expect(spans[0].traceId).not.toBe(traceId);
  });

  it('begin nothing where no trace is to begin', () => {
    const { spans, connection, begin, got } = setup();
    begin([broken]);
    connection.last.answer();
    expect([got(), spans]).toEqual([[broken, ['l5d-own', 'x']], []]);
  });
});
