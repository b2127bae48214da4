import { toBinary } from '@bufbuild/protobuf';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { Destination, DestinationProfileSchema } from '../../api/gen/destination_pb.js';
import type { ServiceProfile } from '../../lib/kinds/service-profile.ts';
import type { ClusterConfig } from '../cluster/cluster-config.ts';
import type { ClusterIndex } from '../cluster/cluster-index.ts';
import { type ServedService, serve } from '../serving/grpc-server.ts';
import { Code, GrpcError } from '../serving/grpc-status.ts';
import type { OutgoingStream, StreamOwner } from '../serving/outgoing-stream.ts';
import { SharedViews, type View } from '../serving/shared-views.ts';
import type { Subscriber } from './audience.ts';
import { type ClientContext, maxTokenLength, parseContextToken } from './context-token.ts';
import { DestinationMetrics, type ProfileSubject, profileSubject } from './destination-metrics.ts';
import { type ProfileView, profileOf } from './profiles.ts';
import { Publisher, type ServiceTarget } from './publisher.ts';
import { profileFields } from './service-profiles.ts';
import { InvalidTarget, parseTarget, type Target, targetKey } from './target.ts';

/** An encoded profile, and what metrics and logs say of it. */
export interface SharedProfile extends View, Pick<ProfileView, 'source'> {
  readonly target: Target;
  readonly subject: ProfileSubject;
}

/** The gRPC service of the destination component (linkerd2 controller/api/destination). */
export function destinationService(
  index: ClusterIndex,
  config: ClusterConfig,
  log: Logger,
  registry: Registry,
): ServedService {
  const publishers = new Map<string, Publisher>();
  const profiles = new SharedViews<SharedProfile>({
    subscribe: (topics, listener) => index.subscribe(topics, listener),
    onError: (key, error) => log.error({ profile: key, error: error.stack }, 'a profile cannot be made'),
    onOverflow: ({ target }) => countOverflow(target),
    onView(view, told) {
      if (told) metrics.profileUpdated(view.subject);
      report(view);
    },
  });
  const metrics = new DestinationMetrics(
    registry,
    () => publishers.values(),
    () => profiles.all(),
  );
  const reported = new WeakSet<ServiceProfile>();
  const endpoints: EndpointClients = {
    overflowed: (target) => metrics.endpointOverflows.inc({ service: fqn(target) }),
    closed(client, publisher) {
      publisher.remove(client);
      if (publisher.subscribers > 0) return;
      publisher.close();
      publishers.delete(targetKey(publisher.target));
      metrics.endpointsClosed(publisher);
    },
  };

  return serve(Destination, {
    get({ path, contextToken, allZones }, stream) {
      const { node } = contextOf(contextToken);
      const target = parse(path);
      if (target.kind === 'ip') {
        throw new GrpcError(Code.invalidArgument, `IP queries not supported by Get API: host=${target.ip}`);
      }
      const service = index.services.get(serviceKey(target));
      if (service === undefined) {
        throw new GrpcError(Code.notFound, `Service ${target.name}.${target.namespace} not found`);
      }
      refuseExternalName(target, path);
      const key = targetKey(target);
      const publisher = publishers.get(key) ?? openPublisher(key, target);
      publisher.subscribe(new EndpointClient({ node, allZones }, stream, publisher, endpoints));
      log.debug({ path, client: stream.peer }, 'endpoints asked for');
    },

    getProfile({ path, contextToken }, stream) {
      const target = parse(path);
      refuseExternalName(target, path);
      const { namespace } = contextOf(contextToken);
      const look = (): SharedProfile => {
        const { profile, topics, source, missing } = profileOf(target, index, config, namespace);
        const message = Buffer.from(toBinary(DestinationProfileSchema, profile));
        const refusal = missing === undefined ? undefined : { code: Code.notFound, details: missing };
        return { message, topics, subject: profileSubject(profile), source, target, refusal };
      };
      profiles.serve(`${namespace ?? ''} ${targetKey(target)}`, look, stream);
      log.debug({ path, client: stream.peer }, 'profile asked for');
    },
  });

  function openPublisher(key: string, target: ServiceTarget): Publisher {
    const publisher: Publisher = new Publisher(target, index, config, () => metrics.endpointsUpdated(publisher));
    publishers.set(key, publisher);
    return publisher;
  }

  /** Says once of a ServiceProfile what of it cannot be used. */
  function report({ source }: SharedProfile): void {
    if (source === undefined || reported.has(source)) return;
    reported.add(source);
    const { namespace, name } = source.metadata;
    for (const problem of profileFields(source).problems)
      log.warn({ serviceProfile: `${namespace}/${name}`, problem }, 'a part of the ServiceProfile is not used');
  }

  function refuseExternalName(target: Target, path: string): void {
    if (target.kind !== 'service' || index.services.get(serviceKey(target))?.spec?.type !== 'ExternalName') return;
    throw new GrpcError(Code.invalidArgument, `Invalid authority: ${path}`);
  }

  function contextOf(token: string): ClientContext {
    if (token.length <= maxTokenLength) return parseContextToken(token);
    throw new GrpcError(Code.invalidArgument, `the context token has more than ${maxTokenLength} characters`);
  }

  function parse(path: string): Target {
    try {
      return parseTarget(path, config.clusterDomain);
    } catch (error) {
      if (error instanceof InvalidTarget) throw new GrpcError(Code.invalidArgument, error.message);
      throw error;
    }
  }

  /** Not as the client wrote it: names have many spellings, and a series is for ever. */
  function fqn({ name, namespace }: ServiceTarget): string {
    return `${name}.${namespace}.svc.${config.clusterDomain}`;
  }

  function countOverflow(target: Target): void {
    if (target.kind === 'ip' || target.hostname !== undefined) metrics.endpointProfileOverflows.inc();
    else {
      metrics.profileOverflows.inc({ fqn: fqn(target), port: String(target.port) });
    }
  }
}

/** What all clients of endpoints have in common: there are many of them, and each costs little. */
interface EndpointClients {
  overflowed(target: ServiceTarget): void;
  closed(client: EndpointClient, publisher: Publisher): void;
}

/** A client that follows the endpoints of a target. */
class EndpointClient implements Subscriber, StreamOwner {
  readonly node: string | undefined;
  readonly allZones: boolean;
  private readonly stream: OutgoingStream;
  private readonly publisher: Publisher;
  private readonly clients: EndpointClients;
  private begun = false;

  constructor(
    { node, allZones }: Pick<Subscriber, 'node' | 'allZones'>,
    stream: OutgoingStream,
    publisher: Publisher,
    clients: EndpointClients,
  ) {
    this.node = node;
    this.allZones = allZones;
    this.stream = stream;
    this.publisher = publisher;
    this.clients = clients;
    stream.owner = this;
  }

  send(messages: readonly Buffer[]): void {
    if (this.begun) for (const message of messages) this.stream.send(message);
    else this.stream.begin(messages);
    this.begun = true;
  }

  closed(): void {
    this.clients.closed(this, this.publisher);
  }

  overflowed(): void {
    this.clients.overflowed(this.publisher.target);
  }
}

const serviceKey = ({ namespace, name }: ServiceTarget): string => `${namespace}/${name}`;
