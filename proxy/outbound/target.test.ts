import { create } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, it } from 'vitest';
import { DestinationProfileSchema } from '../../api/gen/destination_pb.js';
import { OutboundPolicySchema } from '../../api/gen/outbound_pb.js';
import type { GrpcChannel } from '../control/grpc/grpc-channel.ts';
import { KnownTargets } from '../discovery/known-targets.ts';
import { TraceOverrides } from '../exchange/trace-overrides.ts';
import { plaintextEndpoint } from '../model/endpoint-info.ts';
import { outboundPolicyFromApi } from '../policy/outbound/from-api.ts';
import { noPolicy } from '../policy/outbound/model.ts';
import { ProfileRoutes } from '../route/profile-routes.ts';
import { Log } from '../telemetry/log.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { exchangeOf, TestConnection, testSide } from '../testing/exchanges.ts';
import type { FakeClock } from '../testing/fake-clock.ts';
import type { Dialled } from '../upstream/connection-pool.ts';
import { Field, marksOfAll } from '../wire/field.ts';
import { OutboundMetrics } from './metrics.ts';
import { Target, type TargetOptions } from './target.ts';

let side: ReturnType<typeof testSide>;
let clock: FakeClock;
let dials: Dialled[];
let options: TargetOptions;
const outside = { kind: 'other', host: 'localhost', given: 'localhost', port: 80, candidates: [] } as const;
const host = 'web.shop.svc.cluster.local';
const web = { kind: 'service', host, given: 'web.shop', port: 80, candidates: [host] } as const;
const silent = () => ({ stream: () => () => {} }) as unknown as GrpcChannel;

const path = 'web.shop.svc.cluster.local:80';

beforeEach(() => {
  side = testSide();
  clock = side.clock as FakeClock;
  dials = [];
  options = {
    clock,
    deadlines: side.deadlines,
    channel: silent,
    context: '',
    log: new Log(
      'off',
      'plain',
      () => {},
      () => new Date(0),
    ),
    dialer: { dialHttp: (_endpoint, _version, dialled) => void dials.push(dialled), dialTcp: () => {} },
    metrics: new OutboundMetrics(new MetricsRegistry(() => clock.nowMs()), () => clock.nowMs()),
    traces: new TraceOverrides(side.deadlines),
    failfastMs: 3000,
    discoveryTimeoutMs: 500,
    policy: { channel: silent, workload: '' },
    queueCapacity: 10,
    http1OverHttp2: true,
    discoverable: () => true,
    ownAddresses: new Set(),
    known: new KnownTargets(),
  };
});

describe('a target that nothing is looked up for', () => {
  it('is kept while it is used, while it has connections, and for a while after', () => {
    const target = new Target(outside, options);
    const idle = () => target.isIdle(clock.nowMs(), 5000);
    expect(idle()).toBe(false);
    clock.advance(5000);
    expect(idle()).toBe(true);
    const { exchange } = exchangeOf(side, { version: 'http2' });
    target.send(exchange);
    const connection = new TestConnection();
    dials[0].onConnected(connection);
    clock.advance(5000);
    expect(idle()).toBe(false);
    connection.last.answer();
    expect([exchange.finished, idle()]).toEqual([true, false]);
    dials[0].onClosed(connection);
    expect(idle()).toBe(true);
  });

  it('is kept while a connection of the application leads to it, however long that is idle', () => {
    const target = new Target(outside, options);
    target.retain();
    clock.advance(3_600_000);
    expect(target.isIdle(clock.nowMs(), 5000)).toBe(false);
    target.release();
    expect(target.isIdle(clock.nowMs(), 5000)).toBe(false);
    clock.advance(5000);
    expect(target.isIdle(clock.nowMs(), 5000)).toBe(true);
  });
});

describe('a connection that must be told what its target speaks', () => {
  const waiting = () => {
    const target = new Target(web, options);
    let told = 0;
    target.whenDiscovered(() => told++);
    return { target, told: () => told };
  };

  it('is told once both profile and policy have answered', () => {
    const { target, told } = waiting();
    target.onOpaque(false);
    expect([told(), target.protocol]).toEqual([0, undefined]);
    target.onPolicy({ ...noPolicy, protocol: 'http2' }, path);
    expect([told(), target.protocol]).toEqual([1, 'http2']);
    clock.advance(10_000);
    expect(told()).toBe(1);
  });

  it('is told that it is opaque once policy has said where it may go', () => {
    const { target, told } = waiting();
    target.onOpaque(true);
    expect([told(), target.protocol, target.likelyProtocol]).toEqual([0, undefined, 'opaque']);
    target.onPolicy(noPolicy, path);
    expect([told(), target.protocol]).toEqual([1, 'opaque']);
  });

  it('is told that it is TLS where policy tells by its name, opaque or not', () => {
    const { target } = waiting();
    target.onOpaque(true);
    target.onPolicy({ ...noPolicy, protocol: 'tls' }, path);
    expect(target.protocol).toBe('tls');
  });

  it('waits no longer than it may while the control plane is silent', () => {
    const { target, told } = waiting();
    clock.advance(499);
    expect(told()).toBe(0);
    clock.advance(1);
    expect([told(), target.protocol]).toEqual([1, undefined]);
    target.onOpaque(false);
    target.onPolicy({ ...noPolicy, protocol: 'detect' }, path);
    expect(told()).toBe(1);
  });

  it('does not wait for a target that is closed', () => {
    const { target, told } = waiting();
    target.close();
    expect(told()).toBe(1);
  });
});

it('a request waits until it is known how it is routed, and not when its client has gone meanwhile', () => {
  const target = new Target(web, options);
  const [stays, goes] = [exchangeOf(side), exchangeOf(side)];
  target.send(stays.exchange);
  target.send(goes.exchange);
  goes.exchange.onReset(8, 'gone');
  expect([stays.exchange.attempts, goes.exchange.attempts]).toEqual([0, 0]);
  target.onOpaque(false);
  target.onPolicy({ ...noPolicy, protocol: 'detect' }, path);
  expect([stays.exchange.attempts, goes.exchange.attempts]).toEqual([1, 0]);
});

it('an address that discovery does not know has no endpoint before policy has spoken of it', () => {
  const address = { kind: 'ip', host: '198.51.100.7', given: '198.51.100.7', port: 443, candidates: [] } as const;
  for (const discoverable of [true, false]) {
    const target = new Target(address, { ...options, discoverable: () => discoverable });
    target.onUnknown();
    expect([target.protocol, target.backend.endpoints.size]).toEqual([undefined, 0]);
    target.onPolicy({ ...noPolicy, protocol: 'opaque' }, path);
    expect([target.protocol, target.backend.endpoints.size]).toEqual(['opaque', 1]);
  }
  const unwatched = new Target(address, { ...options, policy: undefined, discoverable: () => false });
  expect([unwatched.protocol, unwatched.backend.endpoints.size]).toEqual(['detect', 1]);
});

it('what waits for the target is served by whichever of its names comes to be known', () => {
  const names = ['late.shop.shop.svc.cluster.local', 'late.shop.svc.cluster.local'];
  const late = { kind: 'service', host: 'late.shop', given: 'late.shop', port: 80, candidates: names } as const;
  const target = new Target(late, options);
  const discovery = { kind: { case: 'dst' as const, value: { path: `${names[0]}:80` } } };
  const backend = { backend: { kind: { case: 'balancer' as const, value: { discovery } } } };
  const backends = { kind: { case: 'firstAvailable' as const, value: { backends: [backend] } } };
  const kind = { case: 'http1' as const, value: { routes: [{ rules: [{ backends }] }] } };
  // Of a headless Service, whose profile bears the Service's name and not the pod's.
  target.onRoutes('shop.shop.svc.cluster.local:80', undefined);
  target.onOpaque(false);
  target.onPolicy(
    outboundPolicyFromApi(create(OutboundPolicySchema, { protocol: { kind } }), () => {}),
    `${names[0]}:80`,
  );
  const { exchange } = exchangeOf(side);
  target.send(exchange);
  target.onEndpoints(`${names[1]}:80`, [plaintextEndpoint('10.0.0.1', 80, 'not_provided_by_service_discovery')]);
  const connection = new TestConnection();
  dials[0].onConnected(connection);
  connection.last.answer();
  expect(exchange.status).toBe(200);
});

describe('what the trace of a request asks for', () => {
  const fields = [new Field('traceparent', `00-${'a'.repeat(32)}-00f067aa0ba902b7-01`)];
  const request = (...more: Field[]) => {
    const all = [...fields, ...more];
    return exchangeOf(side, { version: 'http2', head: { fields: all, marks: marksOfAll(all) } }).exchange;
  };

  it.each([
    ['goes on to a Service', 'Service', [['traceparent'], ['traceparent', 'baggage']]],
    ['goes nowhere else', 'EgressNetwork', [['traceparent'], ['traceparent']]],
  ])('%s', (_what, kind, expected) => {
    const target = new Target(web, options);
    target.onOpaque(false);
    target.onPolicy({ ...noPolicy, labels: { ...noPolicy.labels, kind, name: 'web', namespace: 'shop' } }, path);
    const names = [];
    for (let i = 0; i < 2; i++) {
      const exchange = request();
      target.send(exchange);
      names.push(exchange.outgoing.fields.map(({ name }) => name));
      options.traces.take(request(new Field('baggage', 'tulle-override=cart.shop:cart-v2')), true);
    }
    expect(names).toEqual(expected);
  });
});

it('routes of a profile begin as many traces as the policy of the Service says, also when that changes', () => {
  const target = new Target(web, options);
  target.onOpaque(false);
  target.onRoutes(path, new ProfileRoutes(create(DestinationProfileSchema, {}), () => {}));
  const saying = (tracing: { sampleRate: number } | undefined): void => {
    const kind = { case: 'http1' as const, value: { routes: [{ tracing, rules: [{}] }] } };
    target.onPolicy(
      outboundPolicyFromApi(create(OutboundPolicySchema, { protocol: { kind } }), () => {}),
      path,
    );
  };
  const rates = [0.5, 0, undefined].map((rate) => {
    saying(rate === undefined ? undefined : { sampleRate: rate });
    const { exchange } = exchangeOf(side);
    target.send(exchange);
    return exchange.plan?.traceSampleRate;
  });
  expect(rates).toEqual([0.5, 0, undefined]);
});
