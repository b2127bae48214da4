import { beforeEach, describe, expect, it } from 'vitest';
import { plainPlan } from '../exchange/plan.ts';
import type { RetryRule } from '../model/tries.ts';
import { type BreakerConfig, makeBreaker } from '../resilience/breaker/make-breaker.ts';
import { RetryBudget } from '../resilience/retry-budget.ts';
import { EjectionMetrics } from '../telemetry/ejection-metrics.ts';
import { Log } from '../telemetry/log.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { endpointAt, TestBalancing } from '../testing/balancing.ts';
import { exchangeOf, type TestConnection } from '../testing/exchanges.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import { ErrorCode } from '../wire/stream.ts';
import type { BalancerOptions } from './balancer-options.ts';
import { namedBy } from './tries/retries.ts';
import { triesOf } from './tries/rule-tries.ts';

const threeFailures: BreakerConfig = {
  maxFailures: 3,
  successRate: undefined,
  backOff: { minMs: 1000, maxMs: 60_000, jitterRatio: 0, honorsHints: true },
  minReadyEndpoints: 0,
};
const unified: BreakerConfig = {
  ...threeFailures,
  successRate: { threshold: 0.8, windowMs: 10_000, minRequests: 5 },
};
const grpcFields = [new Field('content-type', 'application/grpc')];
const grpcHead = { fields: grpcFields, marks: marksOfAll(grpcFields) };

let lines: string[];
let registry: MetricsRegistry;
let world: TestBalancing;

function start(config: BreakerConfig, changes: Partial<BalancerOptions> = {}): void {
  const clock = new FakeClock();
  let state = 1;
  clock.random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  lines = [];
  registry = new MetricsRegistry(() => clock.nowMs());
  const log = new Log(
    'info',
    'plain',
    (line) => lines.push(line.replace(/^\S+ +/, '').trimEnd()),
    () => new Date(0),
  );
  world = new TestBalancing(
    {
      log,
      breaker: () => makeBreaker(config, clock.random),
      minReadyEndpoints: config.minReadyEndpoints,
      ejections: new EjectionMetrics(registry),
      ...changes,
    },
    [],
    clock,
  );
}

/** Endpoints 10.0.0.1 to `count`, each with a connection that has had nothing yet. */
function connected(count: number): TestConnection[] {
  const infos = Array.from({ length: count }, (_, i) => endpointAt(`10.0.0.${i + 1}`));
  world.balancer.replace('web', infos);
  const sent = infos.map(() => world.send());
  world.clock.advance(50 * count);
  const connections = infos.map(({ address }) => world.succeed(address));
  for (const connection of connections) for (const upstream of connection.upstreams) upstream.answer();
  expect(sent.every(({ client }) => client.status === 200)).toBe(true);
  world.clock.advance(50);
  return connections;
}

/** Sends a request and has the endpoint that gets it answer; returns which of `connections` that was. */
function ask(connections: readonly TestConnection[], answer: (at: TestConnection) => void): number {
  const before = connections.map(({ requests }) => requests);
  world.send();
  const at = connections.findIndex(({ requests }, i) => requests > before[i]);
  if (at >= 0) answer(connections[at]);
  return at;
}

/** The first of `connections` answers `status` to each request, the others 200, until it has had `count`. */
function fail(
  [bad, ...others]: readonly TestConnection[],
  count: number,
  status = 500,
  fields: readonly Field[] = [],
): void {
  const until = bad.requests + count;
  for (let i = 0; bad.requests < until; i++) {
    if (i > 1000) throw new Error(`it got ${bad.requests} of ${until} requests`);
    ask([bad, ...others], (at) => at.last.answer(at === bad ? status : 200, true, at === bad ? fields : []));
  }
}

const metric = (name: string): string[] => [...registry.pieces()].join('').match(new RegExp(`^${name}.*$`, 'gm')) ?? [];
const detailOf = ({ client }: ReturnType<TestBalancing['send']>): string | undefined =>
  client.heads[0]?.fields.find(({ name }) => name === 'l5d-proxy-error')?.value;

describe('an endpoint that fails', () => {
  let connections: TestConnection[];
  beforeEach(() => {
    start(threeFailures);
    connections = connected(2);
  });
  const [bad, good] = [0, 1];
  const answer500 = (at: TestConnection): void => at.last.answer(at === connections[bad] ? 500 : 200);

  it('gets no request after as many failures in a row as are set, and is told of once', () => {
    fail(connections, 2);
    expect(world.balancer.readyCount).toBe(2);
    fail(connections, 1);
    expect(world.balancer.readyCount).toBe(1);
    for (let i = 0; i < 100; i++) expect(ask(connections, answer500)).toBe(good);
    expect(lines.filter((line) => line.includes('ejected'))).toEqual([
      'WARN  endpoint ejected target=web.shop:80 address=10.0.0.1:80 reason=consecutive failures lastAnswer=HTTP 500',
    ]);
    expect(metric('outbound_http_balancer_eject')).toEqual([
      'outbound_http_balancer_ejections_total{authority="web",reason="consecutive failures"} 1',
      'outbound_http_balancer_ejected_endpoints{authority="web"} 1',
    ]);
  });

  it('stays when the failures are faults that its proxy was told to inject', () => {
    fail(connections, 10, 503, [new Field('l5d-proxy-error', 'injected by FaultInjection shop/broken')]);
    expect(world.balancer.readyCount).toBe(2);
    fail(connections, 3, 503, [new Field('l5d-proxy-error', 'the application failed')]);
    expect(world.balancer.readyCount).toBe(1);
  });

  it('gets one request when its time is over, and all others only when that was answered well', () => {
    fail(connections, 3);
    world.clock.advance(1010);
    expect(ask(connections, () => {})).toBe(bad);
    for (let i = 0; i < 20; i++) expect(ask(connections, answer500)).toBe(good);
    expect(world.balancer.readyCount).toBe(1);
    connections[bad].last.answer();
    expect(world.balancer.readyCount).toBe(2);
    const had = new Set(Array.from({ length: 20 }, () => ask(connections, (at) => at.last.answer())));
    expect(had).toEqual(new Set([bad, good]));
    expect(lines.at(-1)).toBe('INFO  endpoint has recovered target=web.shop:80 address=10.0.0.1:80');
    expect(metric('outbound_http_balancer_ejected_endpoints')).toEqual([]);
    expect(world.side.deadlines.armed).toBe(0);
  });

  it('is left alone twice as long after each probe that fails, and not told of again', () => {
    fail(connections, 3);
    for (const delayMs of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
      world.clock.advance(delayMs - 20);
      expect([delayMs, ask(connections, answer500)]).toEqual([delayMs, good]);
      world.clock.advance(30);
      expect([delayMs, ask(connections, answer500)]).toEqual([delayMs, bad]);
    }
    expect(lines.filter((line) => line.includes('ejected'))).toHaveLength(1);
    expect(metric('outbound_http_balancer_ejections_total')[0]).toMatch(/ 1$/);
  });

  it('is not judged by what was under way when it was ejected', () => {
    const late = Array.from({ length: 20 }, () => world.send());
    expect(late.every(({ client }) => client.status === undefined)).toBe(true);
    const under = connections[bad].upstreams.filter((_, i) => i > 0);
    expect(under.length).toBeGreaterThan(6);
    for (const upstream of under.slice(0, 3)) upstream.answer(500);
    expect(world.balancer.readyCount).toBe(1);
    for (const upstream of under.slice(3, 5)) upstream.answer(200);
    for (const upstream of under.slice(5)) upstream.answer(500);
    for (const upstream of connections[good].upstreams.slice(1)) upstream.answer();
    world.clock.advance(1010);
    expect(ask(connections, (at) => at.last.answer())).toBe(bad);
    expect(world.balancer.readyCount).toBe(2);
  });

  it('is not ejected by requests that their clients give up, and its probe is not decided by one', () => {
    for (let i = 0; i < 50; i++) world.send().exchange.onReset(ErrorCode.cancel, 'the client has gone');
    expect(world.balancer.readyCount).toBe(2);
    fail(connections, 3);
    world.clock.advance(1010);
    const probe = world.send();
    probe.exchange.onReset(ErrorCode.cancel, 'the client has gone');
    expect(ask(connections, answer500)).toBe(good);
    world.clock.advance(1010);
    expect(ask(connections, (at) => at.last.answer())).toBe(bad);
    expect(world.balancer.readyCount).toBe(2);
  });

  it('gives a probe that was refused unseen to another, and may have the next one', () => {
    fail(connections, 3);
    world.clock.advance(1010);
    const { client } = world.send();
    connections[bad].last.refuse();
    connections[good].last.answer();
    expect(client.status).toBe(200);
    expect(ask(connections, (at) => at.last.answer())).toBe(bad);
    expect(world.balancer.readyCount).toBe(2);
  });

  it('gets no second try of a request for its probe while another is ready', () => {
    fail(connections, 3);
    const { client } = world.send();
    const refused = connections[good].last;
    world.clock.advance(1010);
    refused.refuse();
    connections[good].last.answer();
    expect([client.status, connections[bad].last.ended]).toEqual([200, true]);
    expect(ask(connections, () => {})).toBe(bad);
  });

  it('has failed again when nothing comes of its probe for long', () => {
    fail(connections, 3);
    world.clock.advance(1010);
    const { client } = world.send();
    world.clock.advance(60_010);
    expect(ask(connections, answer500)).toBe(good);
    world.clock.advance(2010);
    expect(ask(connections, (at) => at.last.answer())).toBe(bad);
    expect([client.status, world.balancer.readyCount]).toEqual([undefined, 2]);
  });

  it.each([
    [200, 2],
    [500, 1],
  ])('is judged by how a stream begins (%i), not by its end that may never come', (status, ready) => {
    fail(connections, 3);
    world.clock.advance(1010);
    world.send();
    const { last } = connections[bad];
    last.answer(status, false);
    last.handler.onData(Buffer.from('x'), false);
    world.clock.advance(1010);
    expect(world.balancer.readyCount).toBe(ready);
  });

  it('stays ejected when discovery tells of it again, and is a new one when it has been away', () => {
    fail(connections, 3);
    const both = ['1', '2'].map((last) => endpointAt(`10.0.0.${last}`, { labels: { changed: 'yes' } }));
    world.balancer.replace('web', both);
    for (let i = 0; i < 20; i++) expect(ask(connections, answer500)).toBe(good);
    world.balancer.replace('web', [both[1]]);
    expect(metric('outbound_http_balancer_ejected_endpoints')).toEqual([]);
    expect(world.side.deadlines.armed).toBe(0);
    world.balancer.replace('web', both);
    for (let i = 0; i < 20; i++) ask([connections[good]], (at) => at.last.answer());
    world.succeed('10.0.0.1');
    expect(world.balancer.readyCount).toBe(2);
  });

  it('still takes opaque connections: what it answers to requests says nothing of them', () => {
    fail(connections, 3);
    world.connect();
    world.connect();
    expect(new Set(world.tcpDials.map(({ address }) => address)).size).toBe(2);
  });
});

describe('an ejected endpoint that has lost its connection', () => {
  it('is connected to in the background first, and left to the pool while that fails', () => {
    start(threeFailures);
    const connections = connected(2);
    // What carried the requests is gone, as behind an HTTP/1 `connection: close`.
    const { endpoint } = world.balancer.endpoints.get('10.0.0.1:80')!;
    fail(connections, 3);
    endpoint.pool('http2').onClosed(connections[0]);
    world.clock.advance(1010);
    expect(world.dials.map(({ address }) => address)).toEqual(['10.0.0.1']);
    expect(ask(connections, (at) => at.last.answer())).toBe(1);
    world.fail();
    world.clock.advance(200);
    const again = world.succeed('10.0.0.1');
    expect(ask([again, connections[1]], (at) => at.last.answer())).toBe(0);
    expect(world.balancer.readyCount).toBe(2);
    expect(lines.filter((line) => line.includes('reachable again'))).toHaveLength(1);
  });
});

it('a dial that fails is no failure of an answer: it is the pool that backs off', () => {
  start({ ...threeFailures, maxFailures: 1 });
  world.balancer.replace('web', [endpointAt('10.0.0.1')]);
  for (let i = 0; i < 5; i++) {
    world.send();
    world.failAll();
    world.clock.advance(6000);
  }
  world.failAll();
  expect(metric('outbound_http_balancer_ejections_total')).toEqual([]);
  world.send();
  world.clock.advance(10_000);
  world.send();
  world.succeed();
  expect(world.balancer.readyCount).toBe(1);
});

describe('when all endpoints are ejected', () => {
  let connections: TestConnection[];
  beforeEach(() => {
    start({ ...threeFailures, backOff: { ...threeFailures.backOff, minMs: 2000 } });
    connections = connected(1);
    fail(connections, 3);
  });

  it('requests wait: the first is the probe, and the others go when that was answered well', () => {
    const waiting = [world.send(), world.send(), world.send()];
    const before = connections[0].requests;
    world.clock.advance(2010);
    expect(connections[0].requests).toBe(before + 1);
    connections[0].last.answer();
    expect(connections[0].requests).toBe(before + 3);
    for (const upstream of connections[0].upstreams.slice(-2)) upstream.answer();
    expect(waiting.map(({ client }) => client.status)).toEqual([200, 200, 200]);
    world.clock.advance(100);
    expect([world.balancer.waiting, world.side.deadlines.armed]).toEqual([0, 0]);
  });

  it('those that waited for their whole time fail and say that the breaker is open, and those after them at once', () => {
    const waiting = [world.send(), world.send()];
    world.clock.advance(2010);
    connections[0].last.answer(500);
    world.clock.advance(1010);
    expect(waiting.map(({ client }) => client.status)).toEqual([500, 504]);
    const late = world.send();
    expect([late.client.status, detailOf(late)]).toEqual([
      504,
      'no endpoint became ready in time: none of 1 endpoints of web.shop:80 became ready, the circuit breaker is open for 1',
    ]);
  });

  it('they go to another backend where there is one, but for the probe', () => {
    expect(world.balancer.isAvailable).toBe(false);
    world.clock.advance(2010);
    expect(world.balancer.isAvailable).toBe(true);
    world.send();
    expect(world.balancer.isAvailable).toBe(false);
    connections[0].last.answer();
    expect(world.balancer.isAvailable).toBe(true);
  });

  it('one that comes when it is time is the probe, though those before it failed at once', () => {
    world.send();
    world.clock.advance(2010);
    connections[0].last.answer(500);
    world.send();
    world.clock.advance(3010);
    expect(world.send().client.status).toBe(504);
    world.clock.advance(1010);
    const probe = world.send();
    expect([probe.client.status, world.send().client.status]).toEqual([undefined, 504]);
    connections[0].last.answer();
    expect([probe.client.status, world.send().client.status]).toEqual([200, undefined]);
  });
});

describe('the least number of endpoints that stay', () => {
  it.each([0, 1, 2])('%i: no more are ejected, and one that fails on is when another has come back', (least) => {
    start({ ...threeFailures, minReadyEndpoints: least });
    const connections = connected(3);
    for (let i = 0; i < 60; i++) ask(connections, (at) => at.last.answer(500));
    expect(world.balancer.readyCount).toBe(least);
    if (least !== 2) return;
    const out = [...world.balancer.endpoints.values()].findIndex(({ state }) => state === 'ejected');
    world.clock.advance(1010);
    expect(ask(connections, (at) => at.last.answer())).toBe(out);
    expect(world.balancer.readyCount).toBe(3);
    let ejected = -1;
    for (let i = 0; i < 20 && world.balancer.readyCount === 3; i++) {
      ejected = ask(connections, (at) => at.last.answer(at === connections[out] ? 200 : 500));
    }
    expect([world.balancer.readyCount, ejected === out]).toEqual([2, false]);
  });
});

describe('an endpoint that limits its clients', () => {
  const limited = (fields: readonly Field[] = []) => {
    const connections = connected(2);
    for (let i = 0; i < 40 && world.balancer.readyCount === 2; i++) {
      ask(connections, (at) => at.last.answer(at === connections[0] ? 429 : 200, true, fields));
    }
    return connections;
  };
  const good = (connections: readonly TestConnection[]) => ask(connections, (at) => at.last.answer());

  it('is ejected by its success rate, where that counts', () => {
    start(unified);
    limited();
    expect(lines.at(-1)).toMatch(/reason=success rate lastAnswer=HTTP 429/);
    start(threeFailures);
    limited();
    expect(world.balancer.readyCount).toBe(2);
  });

  it('is left alone for as long as it asks for', () => {
    start(unified);
    const connections = limited([new Field('retry-after', '7')]);
    world.clock.advance(6990);
    expect(good(connections)).toBe(1);
    world.clock.advance(20);
    expect(good(connections)).toBe(0);
  });

  it('may ask so by a date', () => {
    start(unified);
    const until = new Date(world.clock.wallMs() + 9000).toUTCString();
    const connections = limited([new Field('retry-after', until)]);
    world.clock.advance(8500);
    expect(good(connections)).toBe(1);
    world.clock.advance(1000);
    expect(good(connections)).toBe(0);
  });

  it('may not ask for longer than the back-off is at most', () => {
    start(unified);
    const connections = limited([new Field('retry-after', '100000')]);
    world.clock.advance(60_010);
    expect(good(connections)).toBe(0);
  });

  it('is ejected for the same by gRPC, and asks for time in trailers', () => {
    start(unified);
    const connections = connected(1);
    const exhausted = [new Field('grpc-status', '8'), new Field('grpc-retry-pushback-ms', '5000')];
    for (let i = 0; i < 10 && world.balancer.readyCount === 1; i++) {
      world.send('http2', true, grpcHead);
      connections[0].last.answer(200, false);
      connections[0].last.handler.onTrailers(exhausted);
    }
    expect(lines.at(-1)).toMatch(/reason=success rate lastAnswer=gRPC status 8$/);
    world.clock.advance(4980);
    const before = connections[0].requests;
    world.send();
    expect(connections[0].requests).toBe(before);
    world.clock.advance(30);
    expect(connections[0].requests).toBe(before + 1);
  });
});

describe('a try that is followed by another', () => {
  const rule: RetryRule = {
    maxRetries: 1,
    maxRequestBytes: 0,
    statuses: [[500, 599]],
    grpcStatuses: new Set([14]),
    tryTimeoutMs: 200,
    backOff: { minMs: 1, maxMs: 1, jitter: 0 },
  };
  const nothing = (): void => {};
  const counts = { request: nothing, success: nothing, limitExceeded: nothing, overflow: nothing };

  /** The first pod fails its tries by `fail`, the second answers: clients see no failure, the breaker does. */
  it.each([
    ['by its status', {}, (at: TestConnection) => at.last.answer(503)],
    ['by the time that it took', {}, () => world.clock.advance(210)],
    [
      'by its status in trailers',
      grpcHead,
      (at: TestConnection) => {
        at.last.answer(200, false);
        at.last.handler.onTrailers([new Field('grpc-status', '14')]);
      },
    ],
  ])('is a failure of its endpoint, %s, that no client sees', (_how, head, failTry) => {
    start(threeFailures);
    const connections = connected(2);
    const tries = triesOf({
      timeouts: undefined,
      retrying: { rule, budget: undefined, isRetryable: namedBy(rule), counts },
      hedging: undefined,
    });
    for (let i = 0; i < 100 && world.balancer.readyCount === 2; i++) {
      const before = connections[0].requests;
      const { exchange, client } = exchangeOf(world.side, { version: 'http2', head });
      exchange.begin({ ...plainPlan(world.balancer), tries });
      if (connections[0].requests > before) {
        failTry(connections[0]);
        world.clock.advance(30);
      }
      world.clock.advance(90);
      connections[1].last.answer(200, true, [new Field('grpc-status', '0')]);
      expect([client.status, exchange.error]).toEqual([200, undefined]);
    }
    expect([world.balancer.readyCount, connections[0].requests]).toEqual([1, 4]);
  });
});

describe('where failures are penalized', () => {
  const load = { defaultRttMs: 30, decayMs: 10_000, penalty: { penaltyMs: 5000, maxRetryAfterMs: 300_000 } };
  const countOf = (status: number, fields: readonly Field[], afterMs: number): number => {
    start(threeFailures, { load, breaker: undefined });
    const connections = connected(2);
    fail(connections, 1, status, fields);
    world.clock.advance(afterMs);
    let had = 0;
    for (let i = 0; i < 300; i++) {
      world.clock.advance(1);
      if (ask(connections, (at) => answerLate(at)) === 0) had++;
    }
    return had;
  };
  /** No endpoint answers in no time, nor always in the same. */
  const answerLate = (at: TestConnection): void => {
    world.clock.advance(1 + 5 * world.clock.random());
    at.last.answer();
  };

  it.each([429, 500, 503])(
    'one that answers %i gets no more requests for a while, though it answers fast',
    (status) => {
      expect(countOf(status, [], 0)).toBe(0);
    },
  );

  it('it gets them again when the penalty has faded, which takes longer where it asks for time', () => {
    expect(countOf(503, [], 100_000)).toBeGreaterThan(0);
    expect(countOf(503, [new Field('retry-after', '300')], 100_000)).toBe(0);
  });

  it('an answer that is none of those costs nothing', () => {
    expect(countOf(404, [], 0)).toBeGreaterThan(0);
  });
});

describe('a try that another overtakes', () => {
  const budget = () => new RetryBudget({ ratio: 1, minPerSecond: 100, ttlMs: 10_000 });

  it('is no failure of its endpoint, which is asked less for being slow', () => {
    start(threeFailures);
    const connections = connected(2);
    const hedging = {
      rule: { afterMs: 50, limit: 1, budgetRatio: 1 },
      budget: budget(),
      counts: { request() {}, win() {}, overflow() {} },
      isRetryable: () => false,
    };
    const tries = triesOf({ timeouts: undefined, retrying: undefined, hedging });
    let overtaken = 0;
    for (let i = 0; i < 30; i++) {
      const { exchange, client } = exchangeOf(world.side, { version: 'http2' });
      const before = connections[0].requests;
      exchange.begin({ ...plainPlan(world.balancer), tries });
      if (connections[0].requests > before) {
        world.clock.advance(70);
        overtaken++;
      }
      connections[1].last.answer();
      expect(client.status).toBe(200);
    }
    expect(overtaken).toBeGreaterThan(0);
    expect(connections[0].upstreams.filter(({ resets }) => resets[0] === ErrorCode.cancel)).toHaveLength(overtaken);
    expect(overtaken).toBeLessThan(10);
    expect(world.balancer.readyCount).toBe(2);
    expect([...world.balancer.endpoints.values()].map(({ ewma }) => ewma.inFlight)).toEqual([0, 0]);
    expect(lines.join()).not.toContain('ejected');
  });
});
