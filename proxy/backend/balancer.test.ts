import { beforeEach, describe, expect, it } from 'vitest';
import type { Exchange } from '../exchange/exchange.ts';
import { plainPlan } from '../exchange/plan.ts';
import { type EndpointInfo, plaintextEndpoint } from '../model/endpoint-info.ts';
import { Log } from '../telemetry/log.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { exchangeOf, type TestClient, TestConnection, testSide } from '../testing/exchanges.ts';
import type { FakeClock } from '../testing/fake-clock.ts';
import type { Dialled } from '../upstream/connection-pool.ts';
import type { Dialer, Endpoint } from '../upstream/endpoint.ts';
import type { PoolFailure } from '../upstream/waiter.ts';
import { ErrorCode } from '../wire/stream.ts';
import type { Connection } from '../wire/transport.ts';
import { Balancer } from './balancer.ts';

interface Dial {
  readonly address: string;
  readonly dialled: Dialled;
}
interface TcpDial {
  readonly address: string;
  connected(): void;
  failed(reason: PoolFailure): void;
}

let side: ReturnType<typeof testSide>;
let clock: FakeClock;
let dials: Dial[];
let tcpDials: TcpDial[];
let registry: MetricsRegistry;
let lines: string[];
let balancer: Balancer;

const endpoint = (address: string, changes: Partial<EndpointInfo> = {}): EndpointInfo => ({
  ...plaintextEndpoint(address, 80, 'not_provided_by_service_discovery'),
  ...changes,
});

beforeEach(() => {
  side = testSide();
  clock = side.clock as FakeClock;
  dials = [];
  tcpDials = [];
  lines = [];
  const dialer: Dialer = {
    dialHttp: ({ info }: Endpoint, _version, dialled) => void dials.push({ address: info.address, dialled }),
    dialTcp: ({ info }, onConnected, onFailed) =>
      void tcpDials.push({
        address: info.address,
        connected: () => onConnected({} as Connection),
        failed: (reason) => onFailed(reason, 'it said no'),
      }),
  };
  registry = new MetricsRegistry(() => clock.nowMs());
  const log = new Log(
    'info',
    'plain',
    (line) => lines.push(line),
    () => new Date(0),
  );
  balancer = new Balancer('web.shop:80', {
    clock,
    deadlines: side.deadlines,
    log,
    dialer,
    http1OverHttp2: true,
    requestMetrics: (authority, { address }) => registry.requestMetrics({ authority, address }),
    failfastMs: 3000,
    queueCapacity: 2,
  });
});

function send(): { exchange: Exchange; client: TestClient } {
  const sent = exchangeOf(side, { version: 'http2', tellsWhy: true });
  sent.exchange.begin(plainPlan(balancer));
  return sent;
}
const addresses = () => dials.map(({ address }) => address);
const connect = (dial: Dial): TestConnection => {
  const connection = new TestConnection();
  dial.dialled.onConnected(connection);
  return connection;
};
const fail = ({ dialled }: Dial, reason: PoolFailure = 'connect'): void => dialled.onDialFailed(reason, 'it said no');
const told = ({ client }: { client: TestClient }): string | undefined =>
  client.heads[0]?.fields.find(({ name }) => name === 'l5d-proxy-error')?.value;

describe('a service of which no endpoint is connected', () => {
  it('has its first request wait for the connection that it brings about', () => {
    balancer.replace('web', [endpoint('10.0.0.1')]);
    const { client } = send();
    expect([addresses(), client.status]).toEqual([['10.0.0.1'], undefined]);
    connect(dials[0]).last.answer();
    expect([client.status, balancer.waiting, side.deadlines.armed]).toEqual([200, 0, 1]);
    clock.advance(100);
    expect(side.deadlines.armed).toBe(0);
  });

  it('has one more tried each 50 ms, so that one that does not answer does not hold the others up', () => {
    balancer.replace(
      'web',
      ['1', '2', '3'].map((last) => endpoint(`10.0.0.${last}`)),
    );
    send();
    expect(dials).toHaveLength(1);
    clock.advance(120);
    expect(new Set(addresses()).size).toBe(3);
  });

  it('spreads those that wait over the endpoints that are being connected to', () => {
    balancer.replace('web', [endpoint('10.0.0.1'), endpoint('10.0.0.2')]);
    send();
    send();
    expect(dials).toHaveLength(2);
    const [a, b] = [connect(dials[0]), connect(dials[1])];
    expect([a.requests, b.requests]).toEqual([1, 1]);
  });
});

describe('an endpoint that does not answer', () => {
  it('is left alone while another is ready, costs no request anything, and is tried in the background', () => {
    balancer.replace('web', [endpoint('10.0.0.1'), endpoint('10.0.0.2')]);
    send();
    clock.advance(60);
    const [first, second] = dials;
    const ready = connect(second);
    fail(first, 'connect timeout');
    for (let i = 0; i < 200; i++) {
      const { client } = send();
      ready.last.answer();
      expect(client.status).toBe(200);
      clock.advance(20);
      if (dials.length > 2) fail(dials.splice(2, 1)[0], 'connect timeout');
    }
    expect(lines.filter((line) => line.includes('endpoint cannot be reached'))).not.toHaveLength(0);
  });

  it('gets requests again once a connection in the background was made, and not before', () => {
    balancer.replace('web', [endpoint('10.0.0.1'), endpoint('10.0.0.2')]);
    send();
    clock.advance(60);
    connect(dials[1]);
    fail(dials[0]);
    send();
    clock.advance(250);
    const again = dials.slice(2).filter(({ address }) => address === dials[0].address);
    expect(again).toHaveLength(1);
    expect(balancer.readyCount).toBe(1);
    connect(again[0]);
    expect(balancer.readyCount).toBe(2);
  });
});

describe('a service that cannot be reached', () => {
  beforeEach(() => balancer.replace('web', [endpoint('10.0.0.1')]));

  it('fails its requests at once, with the cause, and is tried again by whoever comes', () => {
    const first = send();
    fail(dials[0]);
    expect([first.client.status, told(first)]).toEqual([502, 'connecting to the endpoint failed: it said no']);
    const second = send();
    expect([second.client.status, dials.length]).toEqual([502, 1]);
    clock.advance(110);
    const third = send();
    expect([third.client.status, dials.length]).toEqual([undefined, 2]);
    connect(dials[1]).last.answer();
    expect(third.client.status).toBe(200);
  });

  it('says once what is the matter, and once that it is over', () => {
    send();
    fail(dials[0]);
    clock.advance(110);
    send();
    connect(dials[1]);
    expect(lines.map((line) => line.replace(/^\S+ /, ''))).toEqual([
      'WARN  endpoint cannot be reached target=web.shop:80 address=10.0.0.1:80 reason=connect cause=it said no\n',
      'INFO  endpoint is reachable again target=web.shop:80 address=10.0.0.1:80\n',
    ]);
  });

  it('is not in fail-fast any more after it has come back', () => {
    send();
    clock.advance(3100);
    const refused = send();
    expect(refused.client.status).toBe(504);
    connect(dials[0]);
    const accepted = send();
    expect(accepted.client.status).toBeUndefined();
  });

  it('that does not even refuse fails them when their time is over', () => {
    const sent = send();
    clock.advance(2900);
    expect(sent.client.status).toBeUndefined();
    clock.advance(200);
    expect(sent.client.status).toBe(504);
  });
});

it('many endpoints that all fail at once are no recursion without end', () => {
  balancer.replace(
    'web',
    Array.from({ length: 5000 }, (_, i) => endpoint(`10.0.${i >> 8}.${i & 255}`)),
  );
  const { client } = send();
  for (let i = 0; i < dials.length && client.status === undefined; i++) fail(dials[i], 'tls');
  expect([client.status, dials.length]).toEqual([502, 5000]);
});

describe('without endpoints', () => {
  beforeEach(() => balancer.replace('web', []));

  it('requests wait for some, as many as there is room for', () => {
    const waiting = [send(), send()];
    const beyond = send();
    expect(beyond.client.status).toBe(503);
    balancer.replace('web', [endpoint('10.0.0.1')]);
    expect(dials).not.toHaveLength(0);
    expect(waiting.map(({ client }) => client.status)).toEqual([undefined, undefined]);
  });

  it('they fail when their time is over, and further ones at once, until there are some', () => {
    const waiting = send();
    clock.advance(3010);
    expect([waiting.client.status, told(waiting)]).toEqual([
      504,
      'no endpoint became ready in time: web.shop:80 has no endpoints',
    ]);
    expect(send().client.status).toBe(504);
    balancer.replace('web', [endpoint('10.0.0.1')]);
    expect(send().client.status).toBeUndefined();
  });

  it('they fail when the service is not used any more', () => {
    const waiting = send();
    balancer.close();
    expect([waiting.client.status, side.deadlines.armed]).toEqual([504, 0]);
  });
});

describe('an endpoint that discovery takes away', () => {
  const waitingAt = (address: string): { exchange: Exchange; client: TestClient } => {
    balancer.replace('web', [endpoint(address)]);
    const ready = send();
    const connection = connect(dials[0]);
    connection.available = false;
    connection.last.answer();
    expect(ready.client.status).toBe(200);
    return send();
  };

  it('leaves what waits for it to those that have come in its place', () => {
    const waiting = waitingAt('10.0.0.1');
    balancer.replace('web', [endpoint('10.0.0.2')]);
    connect(dials.find(({ address }) => address === '10.0.0.2')!).last.answer();
    expect(waiting.client.status).toBe(200);
  });

  it('lets it wait for others when it was the last', () => {
    const waiting = waitingAt('10.0.0.1');
    balancer.replace('web', []);
    expect(waiting.client.status).toBeUndefined();
    balancer.replace('web', [endpoint('10.0.0.2')]);
    expect(addresses()).toContain('10.0.0.2');
  });
});

describe('an endpoint that discovery describes anew', () => {
  it('keeps its connections when only its weight or its labels are others', () => {
    balancer.replace('web', [endpoint('10.0.0.1')]);
    send();
    const connection = connect(dials[0]);
    balancer.replace('web', [endpoint('10.0.0.1', { weight: 1, labels: { pod: 'web-1' } })]);
    send();
    expect([dials.length, connection.requests, connection.available]).toEqual([1, 2, true]);
  });

  it('gets new ones when it is to be spoken to in another way', () => {
    balancer.replace('web', [endpoint('10.0.0.1')]);
    send();
    const connection = connect(dials[0]);
    balancer.replace('web', [endpoint('10.0.0.1', { http2: true })]);
    send();
    expect([dials.length, connection.available]).toEqual([2, false]);
  });
});

it('an endpoint that wants to be called otherwise is, and the next one is not', () => {
  balancer.replace('web', [endpoint('10.0.0.1', { authorityOverride: 'web.shop.svc.east.local:80' })]);
  send();
  const connection = connect(dials[0]);
  expect(connection.last.head.authority).toBe('web.shop.svc.east.local:80');
  balancer.replace('web', [endpoint('10.0.0.2')]);
  connection.last.refuse();
  expect(connect(dials[1]).last.head.authority).toBe('web');
});

it('a request given up before there is a connection counts neither as one that was sent nor as one that was answered', () => {
  balancer.replace('web', [endpoint('10.0.0.1')]);
  const { exchange } = send();
  exchange.onReset(ErrorCode.cancel, 'the client has gone');
  const counts = [...registry.pieces()].join('').match(/^(request|response)_total\{.*$/gm) ?? [];
  expect([counts, balancer.waiting]).toEqual([[expect.stringMatching(/^request_total.* 0$/)], 0]);
});

it('the load of an endpoint is the time from its sending to the first bytes: neither the wait before nor what follows', () => {
  balancer.replace('web', [endpoint('10.0.0.1')]);
  const { exchange } = send();
  clock.advance(2000);
  const connection = connect(dials[0]);
  connection.last.answer(200, false);
  clock.advance(5);
  connection.last.handler.onData(Buffer.from('x'), false);
  clock.advance(120_000);
  connection.last.handler.onData(Buffer.from('y'), true);
  expect(exchange.finished).toBe(true);
  const [histogram] = [...registry.pieces()].join('').match(/^response_latency_ms_sum\{.*$/m) ?? [];
  expect(histogram).toMatch(/ 5$/);
});

describe('opaque connections', () => {
  const waiter = () => {
    const seen: string[] = [];
    balancer.connect({
      gone: false,
      onConnected: (_connection, closed) => {
        seen.push('connected');
        close.push(closed);
      },
      onFailed: (reason) => seen.push(reason),
    });
    return seen;
  };
  let close: (() => void)[];
  beforeEach(() => {
    close = [];
  });

  it('go to the endpoint that has the fewest', () => {
    balancer.replace('web', [endpoint('10.0.0.1'), endpoint('10.0.0.2'), endpoint('10.0.0.3')]);
    const counts = new Map<string, number>();
    for (let i = 0; i < 30; i++) {
      waiter();
      tcpDials.at(-1)!.connected();
      const { address } = tcpDials.at(-1)!;
      counts.set(address, (counts.get(address) ?? 0) + 1);
    }
    expect([...counts.values()]).toEqual([10, 10, 10]);
  });

  it('go to another endpoint when one fails, and fail with the cause when all do', () => {
    balancer.replace('web', [endpoint('10.0.0.1'), endpoint('10.0.0.2')]);
    const seen = waiter();
    tcpDials[0].failed('connect');
    expect([tcpDials.length, seen]).toEqual([2, []]);
    tcpDials[1].failed('connect timeout');
    expect(seen).toEqual(['connect timeout']);
  });

  it('wait for the one that finds out whether an endpoint that failed is there again', () => {
    balancer.replace('web', [endpoint('10.0.0.1')]);
    waiter();
    tcpDials[0].failed('connect timeout');
    clock.advance(150);
    const probing = waiter();
    const waiting = waiter();
    expect(tcpDials).toHaveLength(2);
    tcpDials[1].connected();
    expect([probing, tcpDials.length]).toEqual([['connected'], 3]);
    tcpDials[2].connected();
    expect(waiting).toEqual(['connected']);
  });

  it('wait for endpoints, for as long as they may', () => {
    const seen = waiter();
    balancer.replace('web', [endpoint('10.0.0.1')]);
    tcpDials[0].connected();
    expect(seen).toEqual(['connected']);
    balancer.replace('web', []);
    const late = waiter();
    clock.advance(3010);
    expect([late, side.deadlines.armed]).toEqual([['failfast'], 0]);
  });
});
