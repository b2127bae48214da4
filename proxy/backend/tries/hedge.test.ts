import { beforeEach, describe, expect, it } from 'vitest';
import type { Attempt } from '../../exchange/attempt.ts';
import type { Exchange } from '../../exchange/exchange.ts';
import { plainPlan } from '../../exchange/plan.ts';
import { failures } from '../../exchange/proxy-failure.ts';
import { overtaken } from '../../exchange/repeats.ts';
import { Answer } from '../../filter/filter.ts';
import { plaintextEndpoint } from '../../model/endpoint-info.ts';
import type { HedgeRule, RetryRule, RuleTimeouts } from '../../model/tries.ts';
import { RetryBudget } from '../../resilience/retry-budget.ts';
import { clientCancelled } from '../../telemetry/classify.ts';
import { exchangeOf, type TestClient, TestConnection, type TestUpstream, testSide } from '../../testing/exchanges.ts';
import type { FakeClock } from '../../testing/fake-clock.ts';
import { Field, FieldMark } from '../../wire/field.ts';
import { ErrorCode } from '../../wire/stream.ts';
import { namedBy } from './retries.ts';
import { triesOf } from './rule-tries.ts';

const info = plaintextEndpoint('10.0.0.1', 80, 'loopback');
let side: ReturnType<typeof testSide>;
let clock: FakeClock;
let connection: TestConnection;
let attempts: Attempt[];
let counted: string[];
let finished: Exchange[];
/** Whether there is more than one endpoint. */
let hasOthers: boolean;
let budget: RetryBudget;
/** Tries, from 1, that a filter answers. */
let faults: readonly number[];

const told = (name: string) => () => void counted.push(name);
const counts = { request: told('request'), win: told('win'), overflow: told('overflow') };
const retryCounts = {
  request: told('retry'),
  success: told('success'),
  limitExceeded: told('limit'),
  overflow: told('no budget'),
};
const rule: HedgeRule = { afterMs: 50, limit: 1, budgetRatio: 1 };
const retry: RetryRule = {
  maxRetries: 1,
  maxRequestBytes: 64 * 1024,
  statuses: [[404, 404]],
  grpcStatuses: new Set([14]),
  tryTimeoutMs: undefined,
  backOff: { minMs: 25, maxMs: 250, jitter: 0 },
};

beforeEach(() => {
  finished = [];
  side = testSide([{ onFinish: (exchange) => void finished.push(exchange) }]);
  clock = side.clock as FakeClock;
  connection = new TestConnection();
  attempts = [];
  counted = [];
  hasOthers = true;
  faults = [];
  budget = new RetryBudget({ ratio: 1, minPerSecond: 1, ttlMs: 10_000 });
});

interface Rules {
  hedge?: Partial<HedgeRule>;
  retry?: Partial<RetryRule>;
  timeouts?: RuleTimeouts;
}

function send(
  options: Parameters<typeof exchangeOf>[1] = {},
  rules: Rules = {},
): { exchange: Exchange; client: TestClient } {
  const sent = exchangeOf(side, options);
  const sender = {
    send(attempt: Attempt) {
      attempts.push(attempt);
      if (faults.includes(attempts.length)) {
        attempt.answer(new Answer(418, 9, 'injected', [], 'injected'));
        return;
      }
      attempt.endpoint = { info, hasOthers, onFirstByte() {}, onOver() {} };
      attempt.start(connection, clock.nowMs());
    },
  };
  const retryRule = rules.retry && { ...retry, ...rules.retry };
  const retrying = retryRule && {
    rule: retryRule,
    budget: undefined,
    isRetryable: namedBy(retryRule),
    counts: retryCounts,
  };
  const isRetryable = retrying?.isRetryable ?? (() => false);
  const hedging = { rule: { ...rule, ...rules.hedge }, budget, counts, isRetryable };
  sent.exchange.begin({ ...plainPlan(sender), tries: triesOf({ timeouts: rules.timeouts, retrying, hedging }) });
  return sent;
}

/** Sends one that has gone to two endpoints. */
function hedged(options: Parameters<typeof exchangeOf>[1] = {}, rules: Rules = {}) {
  const sent = send(options, rules);
  clock.advance(70);
  expect(connection.upstreams).toHaveLength(2);
  const [first, second] = connection.upstreams;
  return { ...sent, first, second };
}
const status = (code: number): Field[] => [new Field('grpc-status', String(code))];
const grpc = {
  version: 'http2' as const,
  head: {
    method: 'POST',
    fields: [new Field('content-type', 'application/grpc'), new Field('idempotency-key', '1')],
    marks: FieldMark.contentType,
  },
};
const isOver = (client: TestClient): void => {
  expect(client.ended || client.resets.length > 0).toBe(true);
  expect(finished).toHaveLength(1);
  expect(attempts.every(({ over }) => over)).toBe(true);
  expect(side.deadlines.armed).toBe(0);
};

describe('a request that may be done twice', () => {
  it('goes to another endpoint when the first is silent, avoiding that', () => {
    send();
    clock.advance(40);
    expect(connection.upstreams).toHaveLength(1);
    clock.advance(30);
    expect(connection.upstreams).toHaveLength(2);
    expect(attempts[1].avoid).toBe(attempts[0].endpoint);
    clock.advance(1000);
    expect([connection.upstreams.length, counted]).toEqual([2, ['request']]);
  });

  it('does not when the first is answered in time, whatever it says then', () => {
    const { client } = send();
    clock.advance(40);
    connection.last.answer(500, false);
    clock.advance(1000);
    connection.last.handler.onData(Buffer.from('x'), true);
    expect([connection.upstreams.length, client.status, client.body]).toEqual([1, 500, 'x']);
    isOver(client);
  });

  it.each([
    ['the first', 0, 1, ['request']],
    ['the other', 1, 0, ['request', 'win']],
  ])('is answered by %s where that is faster, and the one left is cancelled', (_which, winner, loser, expected) => {
    const { client } = hedged();
    const { upstreams } = connection;
    upstreams[winner].answer(200, false);
    expect(upstreams.map(({ resets }) => resets)[loser]).toEqual([ErrorCode.cancel]);
    expect([attempts[loser].error, attempts[loser].over]).toEqual([overtaken, true]);
    // What comes of it all the same is nobody's.
    upstreams[loser].answer(200, false);
    upstreams[loser].handler.onData(Buffer.from('lost'), true);
    upstreams[winner].handler.onData(Buffer.from('won'), true);
    expect([client.status, client.body, client.heads.length, counted]).toEqual([200, 'won', 1, expected]);
    isOver(client);
  });

  it.each([503, 500, 429])('takes a %i for no answer while another try is under way', (code) => {
    const { client, first, second } = hedged();
    second.answer(code);
    expect(client.heads).toEqual([]);
    first.answer(200);
    expect([client.status, counted]).toEqual([200, ['request']]);
    isOver(client);
  });

  it('is answered by what fails last, where both do', () => {
    const { client, first, second } = hedged();
    first.answer(503);
    second.answer(500);
    expect(client.status).toBe(500);
    isOver(client);
  });

  it.each(['first', 'second'] as const)('lives on when the %s try comes to nothing', (lost) => {
    const { client, first, second } = hedged({ head: { method: 'DELETE' } });
    ({ first, second })[lost].handler.onReset(ErrorCode.internalError, 'lost');
    expect(client.heads).toEqual([]);
    (lost === 'first' ? second : first).answer(204);
    expect(client.status).toBe(204);
    isOver(client);
  });

  it('is answered by the first where a fault ends the second, and by the fault where nothing else is under way', () => {
    faults = [2];
    const { client } = send();
    clock.advance(70);
    expect([attempts.length, client.heads.length]).toEqual([2, 0]);
    connection.last.answer(200, true);
    expect(client.status).toBe(200);
    isOver(client);
    expect(counted).toEqual(['request']);
    faults = [3];
    const aborted = send({}, { retry: { statuses: [[418, 418]] } });
    expect(aborted.client.status).toBe(418);
  });

  it('that a fault and a failure have come to is answered by what came last, or tried again by its rule', () => {
    faults = [2];
    const failed = send();
    clock.advance(70);
    connection.last.answer(503, true);
    expect(failed.client.status).toBe(503);
    isOver(failed.client);
  });

  it('leaves what is under way when its client goes behind a fault', () => {
    faults = [2];
    const { exchange } = send({ version: 'http2' });
    clock.advance(70);
    exchange.onReset(ErrorCode.cancel, 'gone');
    expect(connection.upstreams.map(({ resets }) => resets)).toEqual([[ErrorCode.cancel]]);
    expect([finished.length, attempts.every(({ over }) => over), side.deadlines.armed]).toEqual([1, true, 0]);
  });

  it('fails when both come to nothing', () => {
    const { client, first, second } = hedged();
    first.handler.onReset(ErrorCode.internalError, 'lost');
    second.handler.onReset(ErrorCode.internalError, 'lost, too');
    expect([client.status, finished[0].failure]).toEqual([502, failures.closed]);
    isOver(client);
  });

  it('leaves both endpoints when its client goes', () => {
    const { client, exchange, first, second } = hedged({ version: 'http2' });
    exchange.onReset(ErrorCode.cancel, 'gone');
    expect([first.resets, second.resets]).toEqual([[ErrorCode.cancel], [ErrorCode.cancel]]);
    expect(attempts.map(({ error }) => error)).toEqual([clientCancelled, clientCancelled]);
    expect(client.heads).toEqual([]);
    expect(side.deadlines.armed).toBe(0);
  });

  it('leaves both when its time is over', () => {
    const timeouts = { requestMs: 200, responseMs: undefined, idleMs: undefined };
    const { client, first, second } = hedged({ version: 'http2' }, { timeouts });
    clock.advance(200);
    expect([client.status, first.resets, second.resets]).toEqual([504, [ErrorCode.cancel], [ErrorCode.cancel]]);
    isOver(client);
  });

  it('goes to a third endpoint when one of two fails, as often as may be, and never to more than two at a time', () => {
    const { client, second } = hedged({}, { hedge: { limit: 2 } });
    clock.advance(500);
    expect(connection.upstreams).toHaveLength(2);
    second.answer(503);
    clock.advance(70);
    expect(connection.upstreams).toHaveLength(3);
    connection.last.answer(503);
    clock.advance(500);
    expect(connection.upstreams).toHaveLength(3);
    connection.upstreams[0].answer(200);
    expect([client.status, counted]).toEqual([200, ['request', 'request']]);
    isOver(client);
  });

  it('has no second try where there is one endpoint, until there is another', () => {
    hasOthers = false;
    send();
    clock.advance(500);
    expect(connection.upstreams).toHaveLength(1);
    Object.assign(attempts[0].endpoint!, { hasOthers: true });
    clock.advance(70);
    expect(connection.upstreams).toHaveLength(2);
  });

  it('has none beyond the budget', () => {
    budget = new RetryBudget({ ratio: 0.25, minPerSecond: 0, ttlMs: 10_000 });
    for (let i = 0; i < 10; i++) send();
    clock.advance(70);
    expect(connection.upstreams).toHaveLength(12);
    expect(counted.filter((what) => what === 'overflow')).toHaveLength(8);
  });
});

describe('a request with a body', () => {
  const put = { head: { method: 'PUT' }, end: false, version: 'http2' as const };

  it('is hedged once all of it is here, and both endpoints get the same bytes', () => {
    const { exchange } = send(put);
    exchange.onData(Buffer.from('one '), false);
    clock.advance(500);
    expect(connection.upstreams).toHaveLength(1);
    exchange.onData(Buffer.from('two'), true);
    clock.advance(70);
    expect(connection.upstreams.map(({ body, ended }) => [body, ended])).toEqual([
      ['one two', true],
      ['one two', true],
    ]);
  });

  it('gives its client the credit of its bytes once', () => {
    const { exchange, client } = send(put);
    exchange.onData(Buffer.from('x'.repeat(1000)), true);
    clock.advance(70);
    for (const { handler } of connection.upstreams) handler.onSent(700);
    for (const { handler } of connection.upstreams) handler.onSent(300);
    expect(client.credited).toBe(1000);
  });

  it('that is too long to be sent again, is not hedged', () => {
    const { exchange } = send(put);
    for (let i = 0; i < 70; i++) exchange.onData(new Uint8Array(1024), i === 69);
    clock.advance(500);
    expect(connection.upstreams).toHaveLength(1);
  });
});

describe('which requests are hedged', () => {
  const key = (value: string) => ({ fields: [new Field('idempotency-key', value)] });
  it.each([
    ['GET', {}, 2],
    ['HEAD', {}, 2],
    ['PUT', {}, 2],
    ['POST', {}, 1],
    ['PATCH', {}, 1],
    ['POST', key('8e03978e'), 2],
    ['POST', key(''), 1],
    ['CONNECT', key('8e03978e'), 1],
    ['GET', { upgrade: 'websocket' }, 1],
  ])('%s %j: %i tries', (method, head, tries) => {
    send({ head: { method, ...head } });
    clock.advance(500);
    expect(connection.upstreams).toHaveLength(tries);
  });
});

describe('a gRPC call', () => {
  it('that is hedged is answered by the first message, or the first status that is no failure', () => {
    const { client, first, second } = hedged(grpc);
    first.answer(200, false);
    second.answer(200, false);
    expect([client.heads, first.resets, second.resets]).toEqual([[], [], []]);
    second.handler.onTrailers(status(14));
    expect(client.heads).toEqual([]);
    first.handler.onData(Buffer.from('ok'), false);
    first.handler.onTrailers(status(0));
    expect([client.status, client.body, finished[0].grpcStatus]).toEqual([200, 'ok', 0]);
    isOver(client);
  });

  it('takes a status in the head for no answer, where it is a failure', () => {
    const { client, first, second } = hedged(grpc);
    first.answer(200, true, status(8));
    expect(client.heads).toEqual([]);
    second.answer(200, true, status(5));
    expect([client.status, finished[0].grpcStatus]).toEqual([200, 5]);
    isOver(client);
  });

  it('has the other call cancelled when a message has come', () => {
    const { client, first, second } = hedged(grpc);
    first.answer(200, false);
    second.answer(200, false);
    second.handler.onData(Buffer.from('m'), false);
    expect([first.resets, client.body, counted]).toEqual([[ErrorCode.cancel], 'm', ['request', 'win']]);
    second.handler.onTrailers(status(0));
    isOver(client);
  });
});

describe('hedges and retries together', () => {
  const answered = (upstream: TestUpstream): boolean => upstream.handler !== undefined;

  it('wait for the other try where one is answered what is to be tried again, and go on when both are', () => {
    const { client, first, second } = hedged({}, { retry: {} });
    second.answer(404);
    clock.advance(500);
    expect([client.heads, connection.upstreams.length]).toEqual([[], 2]);
    first.answer(404);
    clock.advance(40);
    expect(connection.upstreams.filter(answered)).toHaveLength(3);
    connection.last.answer(200);
    expect([client.status, counted]).toEqual([200, ['request', 'retry', 'success']]);
    isOver(client);
  });

  it('hedge a retry that is silent, as far as the limit goes', () => {
    const { client } = send({}, { retry: {}, hedge: { limit: 1 } });
    connection.last.answer(404);
    clock.advance(40);
    expect(connection.upstreams).toHaveLength(2);
    clock.advance(70);
    expect(connection.upstreams).toHaveLength(3);
    connection.last.answer(200);
    expect([client.status, counted]).toEqual([200, ['retry', 'request', 'success', 'win']]);
    isOver(client);
  });

  it('give the time of a try to each of two', () => {
    const { client } = hedged({ version: 'http2' }, { retry: { tryTimeoutMs: 100, maxRetries: 0 } });
    clock.advance(50);
    expect(client.heads).toEqual([]);
    clock.advance(60);
    expect([client.status, finished[0].failure]).toEqual([504, failures.tryTimeout]);
    isOver(client);
  });
});
