import { connect } from 'node:net';
import { create } from '@bufbuild/protobuf';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, expect, test, vi } from 'vitest';
import { Destination, GetDestinationSchema } from '../../api/gen/destination_pb.js';
import { ClusterIndex } from '../../control-plane/cluster/cluster-index.ts';
import { destinationService } from '../../control-plane/destination/destination-service.ts';
import {
  endpoint,
  MemorySource,
  namespace,
  pod,
  service,
  slice,
  testConfig,
} from '../../control-plane/destination/testing.ts';
import { GrpcServer, type GrpcServerOptions } from '../../control-plane/serving/grpc-server.ts';
import type { Clock, TimerHandle } from '../../proxy/clock.ts';
import { GrpcChannel } from '../../proxy/control/grpc/grpc-channel.ts';
import { Watch } from '../../proxy/control/watch.ts';
import { EndpointReader } from '../../proxy/discovery/endpoint-from-api.ts';
import { EndpointSet } from '../../proxy/discovery/endpoint-set.ts';
import { FieldTable } from '../../proxy/wire/field-table.ts';
import { NodeTransport, NodeTurn } from '../../proxy/wire/testing/node-transport.ts';
import type { Connection } from '../../proxy/wire/transport.ts';

const proxies = 24;
const watchesEach = 2;
/** The proxies live so many times faster than the servers. */
const hurry = 10;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const quickClock: Clock = {
  nowMs: () => performance.now() * hurry,
  wallMs: Date.now,
  random: Math.random,
  after: (delayMs, callback) => setTimeout(callback, delayMs / hurry),
  cancel: (timer: TimerHandle) => clearTimeout(timer as NodeJS.Timeout),
};

/** A replica of the destination component, and what it was told. */
class Replica {
  readonly source = new MemorySource();
  private readonly registry = new Registry();
  private readonly server: GrpcServer;
  port = 0;

  constructor(options: Partial<GrpcServerOptions>) {
    const index = new ClusterIndex(this.source);
    const log = pino({ level: 'silent' });
    this.server = new GrpcServer({
      services: [destinationService(index, testConfig, log, this.registry)],
      onFailure: (_path, error) => expect.unreachable(error.message),
      random: Math.random,
      ...options,
    });
  }

  static async start(options: Partial<GrpcServerOptions> = {}): Promise<Replica> {
    const replica = new Replica(options);
    replica.port = await replica.server.listen('127.0.0.1', 0);
    closing.push(() => replica.server.stop(0));
    replica.put('10.0.0.1', '10.0.0.2');
    return replica;
  }

  put(...ips: string[]): void {
    this.source.put(namespace(), service(), ...ips.map((ip) => pod(ip)), slice(ips.map((ip) => endpoint(ip))));
  }

  async streams(): Promise<number> {
    const { values } = await this.registry.getSingleMetric('endpoints_subscribers')!.get();
    return values.reduce((sum, { value }) => sum + value, 0);
  }
}

/** What a watch of a proxy knew after each message, and how often it had nobody to tell it. */
class Follower {
  readonly known: string[] = [];
  lost = 0;

  constructor(channel: GrpcChannel) {
    const set = new EndpointSet(new EndpointReader(new Set(), () => {}));
    const watch = new Watch({
      channel: () => channel,
      method: Destination.method.get,
      request: create(GetDestinationSchema, { path: 'web.shop.svc.cluster.local:80' }),
      timers: quickClock,
      random: Math.random,
      onMessage: (update, first) => {
        set.apply(update, first);
        this.known.push([...set.endpoints].map(({ address }) => address.slice('10.0.0.'.length)).join());
      },
      onRefused: (_code, detail) => expect.unreachable(detail),
      onLost: () => {
        this.lost++;
      },
    });
    closing.push(() => watch.close());
  }
}

/** Proxies, whose connections go by chance to one of the replicas that `replicas` holds then. */
function followers(replicas: readonly Replica[], connectionAgeMs: number): Follower[] {
  return Array.from({ length: proxies }, () => {
    const channel = new GrpcChannel({
      authority: 'destination',
      scheme: 'http',
      turn: new NodeTurn(),
      fields: new FieldTable(1),
      clock: quickClock,
      connectionAgeMs,
      connect: (onConnected, onFailed) => {
        const { port } = replicas[Math.floor(Math.random() * replicas.length)];
        const socket = connect(port, '127.0.0.1');
        socket.once('connect', () => onConnected(new NodeTransport(socket) as unknown as Connection));
        socket.once('error', (error) => onFailed(error.message));
      },
    });
    closing.push(() => channel.close());
    return Array.from({ length: watchesEach }, () => new Follower(channel));
  }).flat();
}

const all = proxies * watchesEach;
/** A proxy goes by chance to either: hardly ever do 22 of 24 to the same, and then they go on moving. */
const [fewest, most] = [0.1 * all, 0.9 * all];

/** Two replicas, the second of which comes later; returns once its share of the streams is what chance gives. */
async function secondJoins(serverOptions: Partial<GrpcServerOptions>, connectionAgeMs: number) {
  const first = await Replica.start(serverOptions);
  const replicas = [first];
  const followed = followers(replicas, connectionAgeMs);
  await vi.waitFor(async () => expect(await first.streams()).toBe(all), 10_000);
  const second = await Replica.start(serverOptions);
  replicas.push(second);
  await vi.waitFor(async () => {
    const streams = await second.streams();
    expect(streams).toBeGreaterThan(fewest);
    expect(streams).toBeLessThan(most);
    // Those that have moved have left the other.
    expect(streams + (await first.streams())).toBe(all);
  }, 15_000);
  return { first, second, followed };
}

test.each<[string, Partial<GrpcServerOptions>, number]>([
  ['leave their old connections', {}, 10_000],
  ['are told that they are old', { connectionAgeMs: 500, pingMs: 3000 }, 3_600_000],
])(
  'proxies that %s come to a second replica too, and lose nothing and repeat nothing',
  async (_why, options, ageMs) => {
    const { first, second, followed } = await secondJoins(options, ageMs);
    for (const { known, lost } of followed) expect([new Set(known), lost]).toEqual([new Set(['1,2']), 0]);
    // They go on moving: each learns of each change once, whichever replica tells it.
    for (const replica of [first, second]) replica.put('10.0.0.1', '10.0.0.2', '10.0.0.3');
    await vi.waitFor(
      () => expect(followed.map(({ known }) => known.at(-1))).toEqual(followed.map(() => '1,2,3')),
      5000,
    );
    for (const { known, lost } of followed) {
      expect([known.filter((text, i) => text !== known[i - 1]), lost]).toEqual([['1,2', '1,2,3'], 0]);
    }
  },
);
