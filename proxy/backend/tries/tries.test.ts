import { beforeEach, describe, expect, it } from 'vitest';
import type { Exchange } from '../../exchange/exchange.ts';
import { plainPlan } from '../../exchange/plan.ts';
import { failures } from '../../exchange/proxy-failure.ts';
import type { RetryRule, RuleTimeouts } from '../../model/tries.ts';
import { exchangeOf, type TestClient, TestConnection, testSide } from '../../testing/exchanges.ts';
import type { FakeClock } from '../../testing/fake-clock.ts';
import { Field, FieldMark } from '../../wire/field.ts';
import { closedUnanswered, ErrorCode } from '../../wire/stream.ts';
import { namedBy } from './retries.ts';
import { triesOf } from './rule-tries.ts';

let side: ReturnType<typeof testSide>;
let clock: FakeClock;
let connection: TestConnection;
let counted: string[];
let finished: Exchange[];

const counts = {
  request: () => void counted.push('request'),
  success: () => void counted.push('success'),
  limitExceeded: () => void counted.push('limit'),
  overflow: () => void counted.push('overflow'),
};
const retry: RetryRule = {
  maxRetries: 2,
  maxRequestBytes: 64 * 1024,
  statuses: [[500, 599]],
  grpcStatuses: new Set([14]),
  tryTimeoutMs: undefined,
  backOff: { minMs: 25, maxMs: 250, jitter: 0 },
};

beforeEach(() => {
  finished = [];
  side = testSide([{ onFinish: (exchange) => void finished.push(exchange) }]);
  clock = side.clock as FakeClock;
  connection = new TestConnection();
  counted = [];
});

function send(
  rules: { retry?: Partial<RetryRule>; timeouts?: RuleTimeouts },
  options: Parameters<typeof exchangeOf>[1] = {},
): { exchange: Exchange; client: TestClient } {
  const rule = rules.retry && { ...retry, ...rules.retry };
  const retrying = rule && { rule, budget: undefined, isRetryable: namedBy(rule), counts };
  const sent = exchangeOf(side, options);
  const sender = { send: (attempt: NonNullable<Exchange['attempt']>) => void attempt.start(connection, clock.nowMs()) };
  sent.exchange.begin({
    ...plainPlan(sender),
    tries: triesOf({ timeouts: rules.timeouts, retrying, hedging: undefined }),
  });
  return sent;
}
const fields = [new Field('content-type', 'application/grpc')];
const grpc = { head: { method: 'POST', fields, marks: FieldMark.contentType } };

describe('a request with retries', () => {
  it('is answered by the first answer that no rule names, the client having seen none of the others', () => {
    const { client } = send({ retry: {} });
    connection.last.answer(503);
    expect(client.heads).toEqual([]);
    clock.advance(30);
    connection.last.answer(200);
    expect([client.status, connection.upstreams.length, counted]).toEqual([200, 2, ['request', 'success']]);
    expect(side.deadlines.armed).toBe(0);
  });

  it('gets the last answer when it was tried as often as may be', () => {
    const { client } = send({ retry: { maxRetries: 1 } });
    connection.last.answer(503);
    clock.advance(30);
    connection.last.answer(500);
    expect([client.status, counted]).toEqual([500, ['request', 'limit']]);
  });

  it.each<[string, RetryRule['statuses'], tries: number]>([
    ['5xx', [[500, 599]], 2],
    ['502', [[502, 502]], 2],
    ['503 alone', [[503, 503]], 1],
  ])(
    'counts as a 502 where its connection closes unanswered: by %s a POST goes out so often',
    (_named, statuses, tries) => {
      const { client } = send({ retry: { statuses, maxRetries: 1 } }, { head: { method: 'POST' } });
      for (let i = 0; i < 2; i++) {
        connection.last.handler.onReset(ErrorCode.internalError, closedUnanswered);
        clock.advance(40);
      }
      expect([connection.upstreams.length, client.status]).toEqual([tries, 502]);
    },
  );

  it('waits longer each time, up to a limit', () => {
    send({ retry: { maxRetries: 10 } });
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      connection.last.answer(503);
      const before = connection.upstreams.length;
      let waited = 0;
      for (; connection.upstreams.length === before; waited += 5) clock.advance(5);
      waits.push(waited);
    }
    const expected = [25, 50, 100, 200, 250];
    waits.forEach((waited, i) => {
      expect(waited).toBeGreaterThanOrEqual(expected[i]);
      expect(waited).toBeLessThanOrEqual(expected[i] + 15);
    });
  });

  it('reads the small rest of an answer that is not passed on, and resets one that does not end', () => {
    const { client } = send({ retry: {} }, { version: 'http2' });
    const first = connection.last;
    first.answer(503, false);
    first.handler.onData(new Uint8Array(1000), false);
    expect([first.credited, first.resets]).toEqual([1000, []]);
    clock.advance(30);
    connection.last.answer(200);
    expect(client.status).toBe(200);
    expect(first.resets).toEqual([ErrorCode.cancel]);
  });

  it('is not tried again once its client has gone, nor when too long to be sent again', () => {
    const gone = send({ retry: {} });
    connection.last.answer(503);
    gone.exchange.onReset(ErrorCode.cancel, 'gone');
    clock.advance(1000);
    expect(connection.upstreams).toHaveLength(1);
    const long = send({ retry: { maxRequestBytes: 10 } }, { end: false });
    long.exchange.onData(new Uint8Array(11), true);
    connection.last.answer(503);
    expect(long.client.status).toBe(503);
    expect(side.deadlines.armed).toBe(0);
  });

  it('is tried again when the endpoint takes too long, and failed when that was the last try', () => {
    const { client } = send({ retry: { maxRetries: 1, tryTimeoutMs: 100 } }, { version: 'http2' });
    clock.advance(120);
    expect(connection.last.resets).toEqual([ErrorCode.cancel]);
    clock.advance(40);
    expect(connection.upstreams).toHaveLength(2);
    clock.advance(120);
    expect([client.status, finished[0].failure]).toEqual([504, failures.tryTimeout]);
  });
});

describe('a gRPC call with retries', () => {
  it('is judged by its status in trailers, which its head does not tell yet', () => {
    const { client } = send({ retry: {} }, { ...grpc, version: 'http2' });
    connection.last.answer(200, false);
    expect(client.heads).toEqual([]);
    connection.last.handler.onTrailers([new Field('grpc-status', '14')]);
    clock.advance(30);
    connection.last.answer(200, false);
    connection.last.handler.onData(Buffer.from('ok'), false);
    expect([client.status, client.body]).toEqual([200, 'ok']);
    connection.last.handler.onTrailers([new Field('grpc-status', '14')]);
    expect([finished[0].grpcStatus, connection.upstreams.length, client.ended]).toEqual([14, 2, true]);
  });

  it.each([
    ['answered well after it was tried again, is counted once it has ended', '0', ['request', 'success']],
    ['that fails behind its messages after all, is no success', '14', ['request']],
  ])('%s', (_what, status, told) => {
    send({ retry: {} }, { ...grpc, version: 'http2' });
    connection.last.answer(200, false);
    connection.last.handler.onTrailers([new Field('grpc-status', '14')]);
    clock.advance(30);
    connection.last.answer(200, false);
    connection.last.handler.onData(Buffer.from('ok'), false);
    expect(counted).toEqual(['request']);
    connection.last.handler.onTrailers([new Field('grpc-status', status)]);
    expect(counted).toEqual(told);
  });

  it('is told a status that no rule names, behind its head', () => {
    const { client } = send({ retry: {} }, { ...grpc, version: 'http2' });
    connection.last.answer(200, false);
    connection.last.handler.onTrailers([new Field('grpc-status', '5')]);
    expect([client.status, client.ended, finished[0].grpcStatus]).toEqual([200, true, 5]);
  });
});

describe('a request with a deadline', () => {
  const none: RuleTimeouts = { requestMs: undefined, responseMs: undefined, idleMs: undefined };

  it('fails when it is not over in time, also while it is between two tries, and what is under way is reset', () => {
    const { client } = send({ timeouts: { ...none, requestMs: 500 } }, { version: 'http2' });
    clock.advance(510);
    expect([client.status, connection.last.resets]).toEqual([504, [ErrorCode.cancel]]);
    const between = send({
      timeouts: { ...none, requestMs: 500 },
      retry: { backOff: { minMs: 900, maxMs: 900, jitter: 0 } },
    });
    connection.last.answer(503);
    clock.advance(510);
    expect(between.client.status).toBe(504);
    expect(side.deadlines.armed).toBe(0);
  });

  it('has its response waited for from the end of the request', () => {
    const { client, exchange } = send({ timeouts: { ...none, responseMs: 500 } }, { end: false, version: 'http2' });
    clock.advance(2000);
    exchange.onData(Buffer.from('x'), true);
    clock.advance(400);
    expect(client.status).toBeUndefined();
    clock.advance(110);
    expect([client.status, finished[0].failure]).toEqual([504, failures.responseTimeout]);
  });

  it('is idle when nothing goes either way, and not as long as something does', () => {
    const { client } = send({ timeouts: { ...none, idleMs: 500 } }, { version: 'http2' });
    connection.last.answer(200, false);
    for (let i = 0; i < 5; i++) {
      clock.advance(400);
      connection.last.handler.onData(Buffer.from('x'), false);
    }
    expect(client.resets).toEqual([]);
    clock.advance(1010);
    expect([client.resets.length, finished[0].failure]).toEqual([1, failures.idleTimeout]);
  });

  it('has none once it has become a tunnel', () => {
    const { client } = send({ timeouts: { requestMs: 500, responseMs: 500, idleMs: 500 } });
    connection.last.answer(101, false);
    clock.advance(10_000);
    expect([client.status, client.resets]).toEqual([101, []]);
    expect(side.deadlines.armed).toBe(0);
  });
});
