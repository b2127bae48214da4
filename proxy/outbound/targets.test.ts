import { beforeEach, expect, it } from 'vitest';
import type { GrpcChannel } from '../control/grpc/grpc-channel.ts';
import { KnownTargets } from '../discovery/known-targets.ts';
import { TraceOverrides } from '../exchange/trace-overrides.ts';
import { plaintextEndpoint } from '../model/endpoint-info.ts';
import { noPolicy } from '../policy/outbound/model.ts';
import { Log } from '../telemetry/log.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { exchangeOf, TestConnection, testSide } from '../testing/exchanges.ts';
import type { FakeClock } from '../testing/fake-clock.ts';
import type { Dialled } from '../upstream/connection-pool.ts';
import { OutboundMetrics } from './metrics.ts';
import { Targets } from './targets.ts';

let targets: Targets;
let registry: MetricsRegistry;
let dials: Dialled[];
let side: ReturnType<typeof testSide>;

const path = 'web.shop.svc.cluster.local:80';

beforeEach(() => {
  side = testSide();
  const clock = side.clock as FakeClock;
  dials = [];
  registry = new MetricsRegistry(() => clock.nowMs());
  targets = new Targets({
    clock,
    deadlines: side.deadlines,
    channel: () => ({ stream: () => () => {} }) as unknown as GrpcChannel,
    context: '',
    log: new Log('off', 'plain', () => {}, () => new Date(0)), // biome-ignore format: one step
    dialer: { dialHttp: (_endpoint, _version, dialled) => void dials.push(dialled), dialTcp: () => {} },
    metrics: new OutboundMetrics(registry, () => clock.nowMs()),
    traces: new TraceOverrides(side.deadlines),
    failfastMs: 3000,
    discoveryTimeoutMs: 500,
    policy: undefined,
    queueCapacity: 10,
    http1OverHttp2: true,
    discoverable: () => true,
    ownAddresses: new Set(),
    known: new KnownTargets(),
    namespace: 'shop',
    serviceSuffix: 'svc.cluster.local',
    idleMs: 5000,
    http1IdleMs: 3000,
  });
});

const told = () =>
  [...registry.pieces()]
    .join('')
    .split('\n')
    .filter((line) => line.startsWith('outbound_http_balancer_endpoints{'))
    .map((line) => [/endpoint_state="([a-z]+)"/.exec(line)?.[1], Number(line.split(' ').at(-1))]);

it('endpoints of a service are pending until they have a connection, and told of once whatever names it is called by', () => {
  const service = 'web.shop.svc.cluster.local:80';
  const infos = ['10.0.0.1', '10.0.0.2'].map((ip) => plaintextEndpoint(ip, 8080, 'not_provided_by_service_discovery'));
  const byName = targets.forAuthority('web');
  const byAddress = targets.forAddress('10.1.0.1', 80);
  byName?.onRoutes(service, undefined);
  byName?.onEndpoints(service, infos);
  byName?.onOpaque(false);
  byName?.onPolicy({ ...noPolicy, protocol: 'detect' }, path);
  expect(told()).toEqual([['ready', 0], ['pending', 2]]); // biome-ignore format: one step
  byName?.send(exchangeOf(side, { version: 'http2' }).exchange);
  dials[0].onConnected(new TestConnection());
  expect(told()).toEqual([['ready', 1], ['pending', 1]]); // biome-ignore format: one step
  byAddress?.onRoutes(service, undefined);
  byAddress?.onPolicy(noPolicy, path);
  byAddress?.onEndpoints(service, infos);
  expect(told()).toEqual([['ready', 1], ['pending', 3]]); // biome-ignore format: one step
  byName?.onEndpoints(service, []);
  expect(told()).toEqual([['ready', 0], ['pending', 2]]); // biome-ignore format: one step
});

it('a name that discovery does not know is no service, and its address no label', () => {
  const target = targets.forAuthority('example.com');
  target?.onPolicy(noPolicy, path);
  target?.onUnknown();
  expect(told()).toEqual([]);
});

it('one name is one target in whatever case it is written, and a name that no host has is none', () => {
  const target = targets.forAuthority('Web.Shop:8080');
  expect(targets.forAuthority('web.shop:8080')).toBe(target);
  expect(targets.forAuthority('WEB.SHOP:8080')).toBe(target);
  expect([...targets.values()]).toHaveLength(1);
  expect(targets.forAuthority(`${'a'.repeat(300)}:80`)).toBeUndefined();
});
