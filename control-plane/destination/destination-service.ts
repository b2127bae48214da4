import { toJsonString } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import { Destination, DestinationProfileSchema } from '../../api/gen/destination_pb.js';
import { grpcHandlers, type ServiceHandlers } from '../../api/grpc.ts';
import type { ClusterConfig } from '../cluster/cluster-config.ts';
import type { ClusterIndex } from '../cluster/cluster-index.ts';
import { BoundedStream } from '../streams.ts';
import { profileOf } from './profiles.ts';
import { Publisher, type ServiceTarget } from './publisher.ts';
import { InvalidTarget, parseTarget, type Target } from './target.ts';

/** The gRPC service of the destination component (linkerd2 controller/api/destination). */
export function destinationService(
  index: ClusterIndex,
  config: ClusterConfig,
  log: Logger,
  registry: Registry,
): ServiceHandlers<typeof Destination.method> {
  const publishers = new Map<string, Publisher>();
  const overflows = new Counter({
    name: 'endpoint_updates_queue_overflow',
    help: 'Streams ended because their client read too slowly.',
    registers: [registry],
  });
  new Gauge({
    name: 'endpoints_subscribers',
    help: 'Open streams of endpoints.',
    registers: [registry],
    collect() {
      this.set([...publishers.values()].reduce((sum, { subscribers }) => sum + subscribers, 0));
    },
  });
  const profileSubscribers = new Gauge({
    name: 'profile_subscribers',
    help: 'Open streams of profiles.',
    registers: [registry],
  });

  const publisherOf = (target: ServiceTarget): { key: string; publisher: Publisher } => {
    const key = `${target.hostname ?? ''} ${target.namespace}/${target.name}:${target.port}`;
    let publisher = publishers.get(key);
    if (publisher === undefined) {
      publisher = new Publisher(target, index, config);
      publishers.set(key, publisher);
    }
    return { key, publisher };
  };

  return grpcHandlers(Destination, {
    get(call) {
      const { path } = call.request;
      let release = (): void => {};
      const stream = new BoundedStream(
        call as never,
        () => overflows.inc(),
        () => release(),
      );
      const target = parse(path);
      if (typeof target === 'string') stream.fail(status.INVALID_ARGUMENT, target);
      else if (target.kind === 'ip') stream.fail(status.INVALID_ARGUMENT, 'IP queries not supported by Get API');
      else {
        const service = index.services.get(`${target.namespace}/${target.name}`);
        if (service === undefined) {
          stream.fail(status.NOT_FOUND, `Service ${target.name}.${target.namespace} not found`);
          return;
        }
        if (service.spec?.type === 'ExternalName') {
          stream.fail(status.INVALID_ARGUMENT, `Service ${target.name}.${target.namespace} is an ExternalName`);
          return;
        }
        const { key, publisher } = publisherOf(target);
        const listener = (update: Parameters<Parameters<Publisher['subscribe']>[0]>[0]): void =>
          stream.send(update as never);
        release = () => {
          publisher.remove(listener);
          if (publisher.subscribers > 0) return;
          publisher.close();
          publishers.delete(key);
        };
        publisher.subscribe(listener);
        log.debug({ path, client: call.getPeer() }, 'endpoints asked for');
      }
    },

    getProfile(call) {
      const { path } = call.request;
      let release = (): void => {};
      const stream = new BoundedStream(
        call as never,
        () => overflows.inc(),
        () => release(),
      );
      const target = parse(path);
      if (typeof target === 'string') {
        stream.fail(status.INVALID_ARGUMENT, target);
        return;
      }
      let sent = '';
      let unsubscribe = (): void => {};
      const refresh = (): void => {
        const { profile, topics } = profileOf(target, index, config);
        unsubscribe();
        unsubscribe = index.subscribe(topics, refresh);
        const text = toJsonString(DestinationProfileSchema, profile);
        if (text === sent) return;
        sent = text;
        stream.send(profile as never);
      };
      profileSubscribers.inc();
      release = () => {
        profileSubscribers.dec();
        unsubscribe();
      };
      refresh();
    },
  });

  /** The target, or what is wrong with the path. */
  function parse(path: string): Target | string {
    try {
      return parseTarget(path, config.clusterDomain);
    } catch (error) {
      if (error instanceof InvalidTarget) return error.message;
      throw error;
    }
  }
}
