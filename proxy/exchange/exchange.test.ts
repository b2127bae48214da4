import { beforeEach, describe, expect, it } from 'vitest';
import { exchangeOf, TestConnection, testSide } from '../testing/exchanges.ts';
import type { FakeClock } from '../testing/fake-clock.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import { closedUnanswered, ErrorCode, resetByPeer } from '../wire/stream.ts';
import type { Exchange } from './exchange.ts';
import type { ExchangeSide } from './exchange-side.ts';
import { decline, fail } from './own-answer.ts';
import { plainPlan, type RoutePlan } from './plan.ts';
import { failures } from './proxy-failure.ts';

let side: ExchangeSide;
let connection: TestConnection;
let finished: Exchange[];
const plan = plainPlan({ send: (attempt) => void attempt.start(connection, 0) });
const bytes = (text: string) => Buffer.from(text);

beforeEach(() => {
  finished = [];
  side = testSide([{ onFinish: (exchange) => finished.push(exchange) }]);
  connection = new TestConnection();
});

/** Begun, with its connection. */
function begun(options: Parameters<typeof exchangeOf>[1] = {}, ...body: string[]) {
  const { exchange, client } = exchangeOf(side, { ...options, end: body.length === 0 });
  // A body that comes before a connection is there waits for it.
  body.forEach((chunk, i) => {
    exchange.onData(bytes(chunk), i === body.length - 1);
  });
  exchange.begin(plan);
  return { exchange, client };
}

describe('a request that the server refused without looking at it', () => {
  it('is sent again when all of it is its head, and the client notices nothing', () => {
    const { client } = begun();
    connection.last.refuse();
    connection.last.answer();
    expect([connection.requests, client.status, client.resets]).toEqual([2, 200, []]);
  });

  it('is not sent again for ever', () => {
    const { client } = begun();
    for (let i = 0; i < 10 && client.status === undefined; i++) connection.last.refuse();
    expect([connection.requests, client.status]).toEqual([4, 502]);
  });

  it('is sent again with its body, which comes whole and is credited to the client once', () => {
    const { exchange, client } = begun({ head: { method: 'POST' } }, 'one ', 'two');
    const first = connection.last;
    exchange.attempt!.onSent(7);
    first.refuse();
    exchange.attempt!.onSent(4);
    exchange.attempt!.onSent(3);
    expect([first.body, connection.last.body, connection.last.ended]).toEqual(['one two', 'one two', true]);
    expect(client.credited).toBe(7);
    connection.last.answer();
    expect(client.status).toBe(200);
  });

  it('is sent again with what has come of its body so far, and what comes then follows', () => {
    const { exchange } = exchangeOf(side, { end: false, head: { method: 'POST' } });
    exchange.begin(plan);
    exchange.onData(bytes('one '), false);
    connection.last.refuse();
    exchange.onData(bytes('two'), true);
    expect([connection.requests, connection.last.body, connection.last.ended]).toEqual([2, 'one two', true]);
  });

  it('with more of a body than is kept goes back to an HTTP/2 client as refused, which may send it again', () => {
    const { client } = begun({ version: 'http2' }, 'x'.repeat(65_537), '');
    connection.last.refuse();
    expect([connection.requests, client.heads, client.resets]).toEqual([1, [], [ErrorCode.refusedStream]]);
    expect(side.keptBytes.used).toBe(0);
  });

  it('with more of a body than is kept is an error to an HTTP/1 client', () => {
    const { client } = begun({}, 'x'.repeat(65_537));
    connection.last.refuse();
    expect([connection.requests, client.status]).toEqual([1, 502]);
  });

  it('is not sent again once its client is gone', () => {
    const { exchange, client } = begun();
    exchange.onReset(ErrorCode.cancel, 'client closed the connection');
    connection.last.refuse();
    expect([connection.requests, client.heads]).toEqual([1, []]);
  });
});

describe('a connection that breaks with nothing answered', () => {
  const close = (): void => connection.last.handler.onReset(ErrorCode.internalError, closedUnanswered);

  it('has its request sent again when it had carried others and doing it twice does no harm', () => {
    begun();
    connection.last.answer();
    const { client } = begun({ head: { method: 'PUT' } }, 'body');
    close();
    connection.last.answer();
    expect([client.status, connection.last.body]).toEqual([200, 'body']);
  });

  it('fails a request that must not be done twice', () => {
    begun();
    connection.last.answer();
    const { client } = begun({ head: { method: 'POST' } });
    close();
    expect([connection.requests, client.status]).toEqual([2, 502]);
  });

  it('fails a request that the server has had for long: it did not close as that came', () => {
    begun();
    connection.last.answer();
    const { client } = begun();
    (side.clock as FakeClock).advance(1000);
    close();
    expect([connection.requests, client.status]).toEqual([2, 502]);
  });

  it('has the first request of a connection sent again once: a server that ends has not accepted it yet', () => {
    const { client } = begun();
    close();
    expect([connection.upstreams.length, client.status]).toEqual([2, undefined]);
    connection.last.answer();
    expect(client.status).toBe(200);
  });

  it('fails a request that ends each new connection: what it does to the server is done no third time', () => {
    const { client } = begun();
    for (let i = 0; i < 5 && client.status === undefined; i++) {
      connection.requests = 0;
      close();
    }
    expect([connection.upstreams.length, client.status]).toEqual([2, 502]);
  });

  it('fails a request that may have been acted on', () => {
    begun();
    connection.last.answer();
    const { client } = begun();
    connection.last.handler.onReset(ErrorCode.internalError, 'connection ended inside the response');
    expect([connection.requests, client.status]).toEqual([2, 502]);
  });
});

describe('whichever half ends first', () => {
  it('an answer before the request has ended resets the upstream and tells the client, once', () => {
    const { exchange, client } = exchangeOf(side, { version: 'http2', end: false });
    exchange.begin(plan);
    exchange.onData(bytes('first'), false);
    connection.last.answer(401);
    expect([connection.last.resets, client.resets, client.status]).toEqual([
      [ErrorCode.noError],
      [ErrorCode.noError],
      401,
    ]);
    exchange.onData(bytes('late'), true);
    expect([client.credited, connection.last.body, finished.length]).toEqual([4, 'first', 1]);
    expect(side.keptBytes.used).toBe(0);
  });

  it('an answer behind the request resets nothing of the client', () => {
    const { client } = begun({ version: 'http2' }, 'body');
    connection.last.answer();
    expect(client.resets).toEqual([]);
  });

  it('a client that goes cancels what is under way', () => {
    const { exchange } = begun();
    exchange.onReset(ErrorCode.cancel, resetByPeer);
    expect([connection.last.resets, finished[0]?.error]).toEqual([[ErrorCode.cancel], 'client cancelled']);
  });

  it('a client that goes calls off what waits', () => {
    const { exchange } = exchangeOf(side);
    let cancelled = 0;
    const waiting: RoutePlan = {
      ...plan,
      sender: {
        send: (attempt) => {
          attempt.waitingAt = { cancel: () => cancelled++ };
        },
      },
    };
    exchange.begin(waiting);
    exchange.onReset(ErrorCode.cancel, resetByPeer);
    expect(cancelled).toBe(1);
  });

  it('the halves of a tunnel end one by one', () => {
    const { exchange, client } = exchangeOf(side, { end: false, head: { method: 'CONNECT' } });
    exchange.begin(plan);
    connection.last.answer(200, false);
    connection.last.handler.onData(bytes('bye'), true);
    expect([client.body, client.ended, finished]).toEqual(['bye', true, []]);
    exchange.onData(bytes('still'), false);
    exchange.onData(bytes(' there'), true);
    expect([connection.last.body, connection.last.ended, finished.length]).toEqual(['still there', true, 1]);
    expect([connection.last.resets, client.resets]).toEqual([[], []]);
  });

  it('a tunnel that its client ends with trailers is over with them', () => {
    const { exchange } = exchangeOf(side, { version: 'http2', end: false, head: { method: 'CONNECT' } });
    exchange.begin(plan);
    connection.last.answer(200, false);
    connection.last.handler.onData(bytes('bye'), true);
    exchange.onTrailers([]);
    expect([connection.last.ended, finished.length]).toEqual([true, 1]);
  });
});

describe('an error of the proxy’s own', () => {
  it('is told with its cause to whom it may be told', () => {
    const { exchange, client } = exchangeOf(side, { tellsWhy: true });
    fail(exchange, failures.connect, 'ECONNREFUSED\r\n10.0.0.1');
    expect(client.heads[0].fields.map(({ name, value }) => [name, value])).toEqual([
      ['l5d-proxy-error', 'connecting to the endpoint failed: ECONNREFUSED 10.0.0.1'],
    ]);
  });

  it('where nothing was done with the request, a proxy that sent it may send it elsewhere', () => {
    const meshed = exchangeOf(side, { version: 'http2', tellsWhy: true });
    decline(meshed.exchange, failures.connect, 'refused');
    expect([meshed.client.heads, meshed.client.resets]).toEqual([[], [ErrorCode.refusedStream]]);
    const other = exchangeOf(side, { version: 'http2' });
    decline(other.exchange, failures.connect, 'refused');
    expect(other.client.status).toBe(502);
  });

  it('cuts a response off that is under way', () => {
    const { exchange, client } = begun();
    connection.last.answer(200, false);
    fail(exchange, failures.unexpected);
    expect([client.status, client.resets]).toEqual([200, [ErrorCode.internalError]]);
  });
});

describe('what proxies tell each other', () => {
  it('goes no further, in neither direction, and a connection that is to be closed is', () => {
    const fields = [new Field('l5d-client-id', 'mallory'), new Field('x-a', '1')];
    const { client } = begun({ head: { fields, marks: marksOfAll(fields) } });
    expect(connection.last.head.fields.map(({ name }) => name)).toEqual(['x-a']);
    const answered = [new Field('l5d-proxy-error', 'told'), new Field('l5d-proxy-connection', 'close')];
    connection.last.handler.onResponse(
      { status: 502, contentLength: 0, upgrade: undefined, fields: answered, marks: marksOfAll(answered) },
      true,
    );
    expect([client.heads[0].fields, client.closesAfter]).toEqual([[], true]);
  });

  it('is told in words of ours to whom it may be told, so that the client learns why', () => {
    const { client } = begun({ tellsWhy: true });
    const fields = [new Field('l5d-proxy-error', 'the client is not authorized')];
    connection.last.handler.onResponse(
      { status: 403, contentLength: 0, upgrade: undefined, fields, marks: marksOfAll(fields) },
      true,
    );
    expect(client.heads[0].fields.map(({ value }) => value)).toEqual([
      'its proxy failed it: the client is not authorized',
    ]);
  });

  it('carries what 426 asks for, which HTTP/2 has no field for, from one proxy to the other', () => {
    const inbound = begun({ version: 'http2' });
    connection.last.handler.onResponse(
      { status: 426, contentLength: 0, upgrade: 'websocket', fields: [], marks: 0 },
      true,
    );
    const between = inbound.client.heads[0];
    const outbound = begun();
    connection.last.handler.onResponse({ ...between, upgrade: undefined }, true);
    expect(outbound.client.heads[0].upgrade).toBe('websocket');
  });
});

describe('a client that waits to be told that it may send its body', () => {
  const fields = [new Field('expect', '100-continue')];
  const waiting = () => {
    const sent = exchangeOf(side, { end: false, head: { method: 'PUT', fields, marks: marksOfAll(fields) } });
    sent.exchange.begin(plan);
    return sent;
  };
  const clock = () => side.clock as FakeClock;

  it('is told by the server when that says so', () => {
    const { client } = waiting();
    connection.last.handler.onInformational({
      status: 100,
      contentLength: -1,
      upgrade: undefined,
      fields: [],
      marks: 0,
    });
    clock().advance(2000);
    expect([client.informed, side.deadlines.armed]).toEqual([[100], 0]);
  });

  it('is told after a second when nobody does, and not when it was answered', () => {
    const { client } = waiting();
    clock().advance(1020);
    expect(client.informed).toEqual([100]);
    const answered = waiting();
    connection.last.answer(401);
    clock().advance(2000);
    expect([answered.client.informed, side.deadlines.armed]).toEqual([[], 0]);
  });
});

it('a malformed response is told as one, and a reset as one', () => {
  const malformed = begun();
  connection.last.handler.onReset(ErrorCode.protocolError, 'malformed response: invalid status');
  expect([malformed.client.status, malformed.exchange.failure]).toEqual([502, failures.invalidResponse]);
  const reset = begun();
  connection.last.handler.onReset(ErrorCode.internalError, resetByPeer);
  expect([reset.client.status, reset.exchange.failure]).toEqual([502, failures.reset]);
});
