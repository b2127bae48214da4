import { beforeEach, describe, expect, it } from 'vitest';
import type { GrpcChannel } from '../control/grpc/grpc-channel.ts';
import { KnownTargets } from '../discovery/known-targets.ts';
import { Exchange } from '../exchange/exchange.ts';
import { type EndpointInfo, plaintextEndpoint } from '../model/endpoint-info.ts';
import { Log } from '../telemetry/log.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import type { Dialled } from '../upstream/connection-pool.ts';
import type { Dialer, Endpoint } from '../upstream/endpoint.ts';
import { type ClientConnection, ErrorCode, type ResponseHead, type ServerStream } from '../wire/stream.ts';
import { Destination, type DestinationOptions } from './destination.ts';
import { OutboundMetrics } from './outbound-metrics.ts';

let clock: FakeClock;
let dials: { endpoint: Endpoint; dialled: Dialled }[];
let destination: Destination;
let metrics: OutboundMetrics;
let registry: MetricsRegistry;
let options: DestinationOptions;

/** A name that nothing is looked up for: its one endpoint is the name itself. */
beforeEach(() => {
  clock = new FakeClock();
  dials = [];
  const dialer: Dialer = {
    dialHttp: (endpoint, _version, dialled) => dials.push({ endpoint, dialled }),
    dialTcp: () => {},
  };
  registry = new MetricsRegistry(() => clock.nowMs(), 600_000);
  metrics = new OutboundMetrics(registry, () => clock.nowMs());
  options = {
    clock,
    channel: () => {
      throw new Error('nothing is to be looked up');
    },
    context: '',
    log: new Log(
      'off',
      'plain',
      () => {},
      () => new Date(0),
    ),
    dialer,
    metrics,
    failfastMs: 3000,
    discoveryTimeoutMs: 500,
    policy: undefined,
    ownAddresses: new Set(),
    known: new KnownTargets(),
    queueCapacity: 2,
    http1OverHttp2: true,
    discoverable: () => false,
  };
  destination = new Destination(
    { kind: 'other', host: 'api.example.com', given: 'api.example.com', port: 80 },
    options,
  );
});

interface Sent {
  readonly status: number | undefined;
  readonly exchange: Exchange;
}

function send(): Sent {
  let status: number | undefined;
  const stream: ServerStream = {
    sendInformational: () => {},
    sendResponse: (head: ResponseHead) => {
      status = head.status;
    },
    sendData: () => {},
    sendTrailers: () => {},
    reset: () => {},
    credit: () => {},
  };
  const head = {
    ...{ method: 'GET', scheme: 'http', authority: 'api.example.com', path: '/' },
    ...{ contentLength: -1, upgrade: undefined, absoluteForm: false, fields: [], marks: 0 },
  };
  const exchange = new Exchange(stream, head, true, metrics, clock.nowMs(), 'http1', false);
  destination.send(exchange);
  return {
    exchange,
    get status() {
      return status;
    },
  };
}
const failLast = (): void => dials.at(-1)!.dialled.onDialFailed('connect');
const endpoint = (address: string): EndpointInfo => plaintextEndpoint(address, 80, 'not_provided_by_service_discovery');

describe('an endpoint that cannot be connected to', () => {
  it('is tried again with growing delays; the request fails when its time is over, not later', () => {
    const answered = send();
    const tries: number[] = [];
    while (answered.status === undefined && clock.nowMs() < 10_000) {
      if (dials.length > tries.length) {
        tries.push(clock.nowMs());
        failLast();
      }
      clock.advance(50);
    }
    expect(answered.status).toBe(504);
    expect(clock.nowMs()).toBeLessThanOrEqual(3050);
    const delays = tries.slice(1).map((atMs, index) => atMs - tries[index]);
    expect(delays.length).toBeGreaterThan(2);
    expect([...delays].sort((x, y) => x - y)).toEqual(delays);
  });

  it('fails further requests at once, until a connection is made', () => {
    send();
    for (let i = 0; i < 100; i++) {
      if (dials.length > 0) dials.pop()!.dialled.onDialFailed('connect');
      clock.advance(50);
    }
    const refused = send();
    if (dials.length > 0) failLast();
    expect(refused.status).toBe(504);

    clock.advance(20_000);
    const accepted = send();
    const connection: ClientConnection = {
      listed: false,
      requests: 0,
      request: () => ({ sendData: () => {}, sendTrailers: () => {}, reset: () => {}, credit: () => {} }),
      ...{ activeStreams: 0, available: true, drain: () => {}, close: () => {} },
    };
    dials.at(-1)!.dialled.onConnected(connection);
    expect(accepted.status).toBeUndefined();
  });
});

it('another endpoint gets the request of one that cannot be connected to', () => {
  destination.onEndpoints('api', [endpoint('10.0.0.1'), endpoint('10.0.0.2')]);
  const answered = send();
  const [first] = dials;
  first.dialled.onDialFailed('connect');
  expect(dials).toHaveLength(2);
  expect(dials[1].endpoint.info.address).not.toBe(first.endpoint.info.address);
  expect(answered.status).toBeUndefined();
});

it('a request given up before there is a connection counts neither as one that was sent nor as one that was answered', () => {
  destination.onEndpoints('api', [endpoint('10.0.0.1')]);
  send().exchange.cancelled(ErrorCode.cancel, 'the client has gone');
  const counts = registry.text().match(/^(request|response)_total\{.*$/gm) ?? [];
  expect(counts).toEqual([expect.stringMatching(/^request_total.* 0$/), expect.stringMatching(/^request_total.* 0$/)]);
});

it('without endpoints, requests wait for some, as many as there is room for', () => {
  destination.onEndpoints('api', []);
  const waiting = [send(), send()];
  const beyond = send();
  expect(beyond.status).toBe(503);
  destination.onEndpoints('api', [endpoint('10.0.0.1')]);
  expect(dials).not.toHaveLength(0);
  expect(waiting.map(({ status }) => status)).toEqual([undefined, undefined]);
});

describe('a request that waits for a connection to an endpoint which discovery takes away', () => {
  beforeEach(() => destination.onEndpoints('api', [endpoint('10.0.0.1')]));

  it('goes to one that has come in its place', () => {
    const answered = send();
    destination.onEndpoints('api', [endpoint('10.0.0.2')]);
    expect(dials.map(({ endpoint: { info } }) => info.address)).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(answered.status).toBeUndefined();
  });

  it('goes to the same one as it is now, when only that has changed', () => {
    const answered = send();
    destination.onEndpoints('api', [{ ...endpoint('10.0.0.1'), http2: true }]);
    expect(dials.map(({ endpoint: { info } }) => info.http2)).toEqual([false, true]);
    expect(answered.status).toBeUndefined();
  });

  it('waits on when there is no other', () => {
    const answered = send();
    destination.onEndpoints('api', []);
    expect(answered.status).toBeUndefined();
    destination.onEndpoints('api', [endpoint('10.0.0.2')]);
    expect(dials.at(-1)?.endpoint.info.address).toBe('10.0.0.2');
  });

  it('fails when the destination is closed', () => {
    const answered = send();
    destination.close();
    expect(answered.status).toBe(504);
  });
});

it('is idle when nothing has used it for a while, and no request is under way', () => {
  expect(destination.isIdle(clock.nowMs(), 5000)).toBe(false);
  clock.advance(5000);
  expect(destination.isIdle(clock.nowMs(), 5000)).toBe(true);
  send();
  clock.advance(5000);
  expect(destination.isIdle(clock.nowMs(), 5000)).toBe(false);
});

it('is kept, with its endpoints, while a connection leads to it, however long that is idle', () => {
  destination.retain();
  clock.advance(3_600_000);
  expect(destination.isIdle(clock.nowMs(), 5000)).toBe(false);
  destination.release();
  expect(destination.isIdle(clock.nowMs(), 5000)).toBe(false);
  clock.advance(5000);
  expect(destination.isIdle(clock.nowMs(), 5000)).toBe(true);
});

describe('a connection that must be told what its target speaks', () => {
  const name = { kind: 'service', host: 'web.shop.svc.cluster.local', given: 'web.shop', port: 80 } as const;
  const silent = () => ({ stream: () => () => {} }) as unknown as GrpcChannel;
  const waiting = () => {
    const policy = { channel: silent, workload: '' };
    const target = new Destination(name, { ...options, channel: silent, policy, discoverable: () => true });
    let told = 0;
    target.whenDiscovered(() => told++);
    return { target, told: () => told };
  };

  it('is told once both profile and policy have answered', () => {
    const { target, told } = waiting();
    target.onOpaque(false);
    expect([told(), target.protocol]).toEqual([0, undefined]);
    target.onProtocol('http2');
    expect([told(), target.protocol]).toEqual([1, 'http2']);
    clock.advance(10_000);
    expect(told()).toBe(1);
  });

  it('is told at once that it is opaque, whatever the policy may say', () => {
    const { target, told } = waiting();
    target.onOpaque(true);
    expect([told(), target.protocol]).toEqual([1, 'opaque']);
  });

  it('waits no longer than it may while the control plane is silent', () => {
    const { target, told } = waiting();
    clock.advance(499);
    expect(told()).toBe(0);
    clock.advance(1);
    expect([told(), target.protocol]).toEqual([1, undefined]);
    target.onOpaque(false);
    target.onProtocol('detect');
    expect(told()).toBe(1);
  });

  it('does not wait for a destination that is closed', () => {
    const { target, told } = waiting();
    target.close();
    expect(told()).toBe(1);
  });
});

describe('an endpoint that leaves its service while it is being connected to', () => {
  const [a, b] = [endpoint('10.0.0.1'), endpoint('10.0.0.2')];
  const dialled = () => dials.map((dial) => dial.endpoint.info.address);

  it('leaves its requests to the others', () => {
    destination.onEndpoints('api', [a, b]);
    const answers = [send(), send(), send(), send()];
    expect(new Set(dialled())).toEqual(new Set([a.address, b.address]));
    destination.onEndpoints('api', [b]);
    expect(answers.map(({ status }) => status)).toEqual([undefined, undefined, undefined, undefined]);
    const before = dials.length;
    expect(dialled().filter((address) => address === b.address)).toHaveLength(4);
    expect(before).toBeGreaterThan(4);
  });

  it('lets them wait for others when it was the last', () => {
    destination.onEndpoints('api', [a]);
    const answer = send();
    destination.onEndpoints('api', []);
    expect(answer.status).toBeUndefined();
    destination.onEndpoints('api', [b]);
    expect(dialled()).toEqual([a.address, b.address]);
  });

  it('fails them when the destination is closed', () => {
    destination.onEndpoints('api', [a, b]);
    const answers = [send(), send()];
    destination.close();
    expect(answers.map(({ status }) => status)).toEqual([504, 504]);
  });
});
