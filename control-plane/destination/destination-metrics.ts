import { Counter, Gauge, type Registry } from 'prom-client';
import type { DestinationProfile } from '../../api/gen/destination_pb.js';
import type { Publisher } from './publisher.ts';

const endpointLabels = ['cluster', 'namespace', 'service', 'port', 'hostname'] as const;
const profileLabels = ['namespace', 'profile'] as const;

/** The metrics of linkerd2 controller/api/destination; a target's series end with its last client. */
export class DestinationMetrics {
  readonly endpointOverflows: Counter<'service'>;
  readonly profileOverflows: Counter<'fqn' | 'port'>;
  /** Without labels: an address would be a series of its own for each pod. */
  readonly endpointProfileOverflows: Counter;
  private readonly endpointUpdates: Counter<(typeof endpointLabels)[number]>;
  private readonly profileUpdates: Counter<(typeof profileLabels)[number]>;

  constructor(
    registry: Registry,
    publishers: () => Iterable<Publisher>,
    profiles: () => Iterable<{ readonly view: { readonly subject: ProfileSubject }; readonly followers: number }>,
  ) {
    const registers = [registry];
    const gauge = (name: string, help: string, value: (publisher: Publisher) => number) =>
      new Gauge({
        name,
        help,
        labelNames: endpointLabels,
        registers,
        collect() {
          this.reset();
          for (const publisher of publishers()) this.set(labelsOf(publisher), value(publisher));
        },
      });
    gauge('endpoints_subscribers', 'Open streams of the endpoints of a target.', ({ subscribers }) => subscribers);
    gauge('endpoints_pods', 'Endpoints of a target.', ({ size }) => size);
    gauge('endpoints_exists', '1 when the Service of a target exists.', ({ exists }) => Number(exists));
    this.endpointUpdates = new Counter({
      name: 'endpoints_updates',
      help: 'Changes of the endpoints of a target that were told.',
      labelNames: endpointLabels,
      registers,
    });
    new Gauge({
      name: 'profile_subscribers',
      help: 'Open streams of the profile of a Service; without labels, of addresses.',
      labelNames: profileLabels,
      registers,
      collect() {
        this.reset();
        for (const { view, followers } of profiles()) this.inc(profileLabelsOf(view.subject), followers);
      },
    });
    new Gauge({
      name: 'service_subscribers',
      help: 'Open streams that follow a Service for its profile.',
      labelNames: ['namespace', 'name'],
      registers,
      collect() {
        this.reset();
        for (const { view, followers } of profiles()) {
          const { namespace, name } = view.subject;
          if (name !== undefined) this.inc({ namespace, name }, followers);
        }
      },
    });
    this.profileUpdates = new Counter({
      name: 'profile_updates',
      help: 'Profiles of a Service that were told; without labels, of addresses.',
      labelNames: profileLabels,
      registers,
    });
    const overflowHelp = 'Streams ended because their client read too slowly.';
    this.endpointOverflows = new Counter({
      name: 'endpoint_updates_queue_overflow',
      help: overflowHelp,
      labelNames: ['service'],
      registers,
    });
    this.profileOverflows = new Counter({
      name: 'profile_updates_queue_overflow',
      help: overflowHelp,
      labelNames: ['fqn', 'port'],
      registers,
    });
    this.endpointProfileOverflows = new Counter({
      name: 'endpoint_profile_updates_queue_overflow',
      help: overflowHelp,
      registers,
    });
  }

  endpointsUpdated(publisher: Publisher): void {
    this.endpointUpdates.inc(labelsOf(publisher));
  }

  endpointsClosed(publisher: Publisher): void {
    this.endpointUpdates.remove(labelsOf(publisher));
  }

  profileUpdated(subject: ProfileSubject): void {
    this.profileUpdates.inc(profileLabelsOf(subject));
  }
}

/** Whose profile it is; of an address all is empty. */
export interface ProfileSubject {
  readonly namespace: string;
  readonly name: string | undefined;
  readonly fullyQualifiedName: string;
}

export function profileSubject({ parentRef, fullyQualifiedName }: DestinationProfile): ProfileSubject {
  const service = parentRef?.kind.case === 'resource' ? parentRef.kind.value : undefined;
  return { namespace: service?.namespace ?? '', name: service?.name, fullyQualifiedName };
}

function profileLabelsOf({
  namespace,
  fullyQualifiedName,
}: ProfileSubject): Record<(typeof profileLabels)[number], string> {
  return { namespace, profile: fullyQualifiedName };
}

function labelsOf({ target }: Publisher): Record<(typeof endpointLabels)[number], string> {
  const { namespace, name, port, hostname = '' } = target;
  return { cluster: 'local', namespace, service: name, port: String(port), hostname };
}
