import { type ServerWritableStream, status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { Destination } from '../../api/gen/destination_pb.js';
import { grpcHandlers, type ServiceHandlers } from '../../api/grpc.ts';
import type { ClusterConfig } from '../cluster/cluster-config.ts';
import type { ClusterIndex } from '../cluster/cluster-index.ts';
import type { ServiceProfile } from '../sources/policy-objects.ts';
import { BoundedStream } from '../streams.ts';
import type { Subscriber } from './audience.ts';
import { parseContextToken } from './context-token.ts';
import { DestinationMetrics } from './destination-metrics.ts';
import { ProfilePublisher } from './profile-publisher.ts';
import { type ProfileView, profileOf } from './profiles.ts';
import { Publisher, type ServiceTarget } from './publisher.ts';
import { profileFields } from './service-profiles.ts';
import { InvalidTarget, parseTarget, type Target } from './target.ts';

/** The gRPC service of the destination component (linkerd2 controller/api/destination). */
export function destinationService(
  index: ClusterIndex,
  config: ClusterConfig,
  log: Logger,
  registry: Registry,
): ServiceHandlers<typeof Destination.method> {
  const publishers = new Map<string, Publisher>();
  const profilePublishers = new Map<string, ProfilePublisher>();
  const metrics = new DestinationMetrics(
    registry,
    () => publishers.values(),
    () => profilePublishers.values(),
  );
  const reported = new WeakSet<ServiceProfile>();

  return grpcHandlers(Destination, {
    get(call) {
      const { path, contextToken } = call.request;
      let release = (): void => {};
      const stream = new BoundedStream(
        call as unknown as EncodedStream,
        () => metrics.endpointOverflows.inc({ service: path }),
        () => release(),
      );
      const target = parse(path);
      if (typeof target === 'string') {
        stream.fail(status.INVALID_ARGUMENT, target);
        return;
      }
      if (target.kind === 'ip') {
        stream.fail(status.INVALID_ARGUMENT, `IP queries not supported by Get API: host=${target.ip}`);
        return;
      }
      const service = index.services.get(`${target.namespace}/${target.name}`);
      if (service === undefined) {
        stream.fail(status.NOT_FOUND, `Service ${target.name}.${target.namespace} not found`);
        return;
      }
      if (isExternalName(target)) {
        stream.fail(status.INVALID_ARGUMENT, `Invalid authority: ${path}`);
        return;
      }
      const key = targetKey(target);
      const publisher = publishers.get(key) ?? openPublisher(key, target);
      let begun = false;
      const subscriber: Subscriber = {
        node: parseContextToken(contextToken).node,
        send(messages) {
          if (begun) for (const message of messages) stream.send(message);
          else stream.begin(messages);
          begun = true;
        },
      };
      release = () => {
        publisher.remove(subscriber);
        if (publisher.subscribers > 0) return;
        publisher.close();
        publishers.delete(key);
        metrics.endpointsClosed(publisher);
      };
      publisher.subscribe(subscriber);
      log.debug({ path, client: call.getPeer() }, 'endpoints asked for');
    },

    getProfile(call) {
      const { path, contextToken } = call.request;
      const target = parse(path);
      let release = (): void => {};
      const stream = new BoundedStream(
        call as unknown as EncodedStream,
        () => countOverflow(target),
        () => release(),
      );
      if (typeof target === 'string') {
        stream.fail(status.INVALID_ARGUMENT, target);
        return;
      }
      if (isExternalName(target)) {
        stream.fail(status.INVALID_ARGUMENT, `Invalid authority: ${path}`);
        return;
      }
      const { namespace } = parseContextToken(contextToken);
      const key = `${namespace ?? ''} ${targetKey(target)}`;
      const publisher = profilePublishers.get(key) ?? openProfilePublisher(key, target, namespace);
      const closeIfUnused = (): void => {
        if (publisher.listeners.size > 0) return;
        publisher.close();
        profilePublishers.delete(key);
      };
      const { missing } = publisher.view;
      if (missing !== undefined) {
        closeIfUnused();
        stream.fail(status.NOT_FOUND, missing);
        return;
      }
      const listener = (message: Buffer): void => stream.send(message);
      release = () => {
        publisher.listeners.delete(listener);
        closeIfUnused();
      };
      publisher.subscribe(listener);
      log.debug({ path, client: call.getPeer() }, 'profile asked for');
    },
  });

  function openPublisher(key: string, target: ServiceTarget): Publisher {
    const publisher: Publisher = new Publisher(target, index, config, () => metrics.endpointsUpdated(publisher));
    publishers.set(key, publisher);
    return publisher;
  }

  function openProfilePublisher(key: string, target: Target, namespace: string | undefined): ProfilePublisher {
    const publisher = new ProfilePublisher(
      index,
      () => profileOf(target, index, config, namespace),
      (view, told) => {
        if (told) metrics.profileUpdated(view.profile);
        report(view);
      },
    );
    profilePublishers.set(key, publisher);
    return publisher;
  }

  /** Says once of a ServiceProfile what of it cannot be used. */
  function report({ source }: ProfileView): void {
    if (source === undefined || reported.has(source)) return;
    reported.add(source);
    const { namespace, name } = source.metadata;
    for (const problem of profileFields(source).problems)
      log.warn({ serviceProfile: `${namespace}/${name}`, problem }, 'a part of the ServiceProfile is not used');
  }

  function isExternalName(target: Target): boolean {
    return target.kind === 'service' && index.services.get(serviceKey(target))?.spec?.type === 'ExternalName';
  }

  /** The target, or what is wrong with the path. */
  function parse(path: string): Target | string {
    try {
      return parseTarget(path, config.clusterDomain);
    } catch (error) {
      if (error instanceof InvalidTarget) return error.message;
      throw error;
    }
  }

  function countOverflow(target: Target | string): void {
    if (typeof target === 'string' || target.kind === 'ip' || target.hostname !== undefined)
      metrics.endpointProfileOverflows.inc();
    else {
      const fqn = `${target.name}.${target.namespace}.svc.${config.clusterDomain}`;
      metrics.profileOverflows.inc({ fqn, port: String(target.port) });
    }
  }
}

/** A stream whose messages were encoded already. */
type EncodedStream = ServerWritableStream<never, Buffer>;

const serviceKey = ({ namespace, name }: ServiceTarget): string => `${namespace}/${name}`;

function targetKey(target: Target): string {
  return target.kind === 'ip'
    ? `ip ${target.ip} ${target.port}`
    : `${target.hostname ?? ''} ${serviceKey(target)}:${target.port}`;
}
