import { Balancer, type BalancerOptions } from '../backend/balancer.ts';
import { EndpointReader } from '../discovery/endpoint-from-api.ts';
import type { LookupOptions } from '../discovery/resolution.ts';
import { watchServiceEndpoints } from '../discovery/service-endpoints.ts';
import { type EndpointInfo, plaintextEndpoint } from '../model/endpoint-info.ts';
import type { Destination } from '../policy/outbound/model.ts';
import { formatHostPort } from '../wire/ip-network.ts';

export interface BackendsOptions extends LookupOptions, BalancerOptions {}

/** The balancers of what the rules of one target name besides the target itself. */
export class Backends {
  private readonly options: BackendsOptions;
  private readonly byKey = new Map<string, NamedBackend>();
  /** Keys of those that no rule names any more: they are there until what is under way has ended. */
  private readonly leaving = new Set<string>();

  constructor(options: BackendsOptions) {
    this.options = options;
  }

  /** The balancer of a destination: there until `keepOnly` is called without it. */
  of(destination: Destination): Balancer {
    const key = keyOf(destination);
    let backend = this.byKey.get(key);
    if (backend === undefined) {
      backend = new NamedBackend(key, destination, this.options);
      this.byKey.set(key, backend);
    }
    this.leaving.delete(key);
    return backend.balancer;
  }

  /** Lets go of those that none of `destinations` is. */
  keepOnly(destinations: Iterable<Destination>): void {
    const kept = new Set([...destinations].map(keyOf));
    for (const key of this.byKey.keys()) if (!kept.has(key)) this.leaving.add(key);
  }

  /** Closes connections that were not used since the last call, and what is let go of and has ended. */
  sweep(): void {
    for (const [key, { balancer }] of this.byKey) {
      if (this.leaving.has(key) && !balancer.isBusy) this.drop(key);
      else balancer.sweep();
    }
  }

  *balancers(): Iterable<Balancer> {
    for (const { balancer } of this.byKey.values()) yield balancer;
  }

  close(): void {
    for (const key of [...this.byKey.keys()]) this.drop(key);
  }

  private drop(key: string): void {
    this.leaving.delete(key);
    this.byKey.get(key)?.close();
    this.byKey.delete(key);
  }
}

function keyOf(destination: Destination): string {
  return destination.kind === 'service' ? destination.path : formatHostPort(destination.address, destination.port);
}

/** A balancer and where it has its endpoints from. */
class NamedBackend {
  readonly balancer: Balancer;
  private readonly path: string;
  private readonly options: BackendsOptions;
  private readonly watch: { close(): void } | undefined = undefined;
  private infos: readonly EndpointInfo[] | undefined = undefined;

  constructor(key: string, destination: Destination, options: BackendsOptions) {
    const { known, log, ownAddresses } = options;
    this.path = key;
    this.options = options;
    this.balancer = new Balancer(key, options);
    if (destination.kind === 'address') {
      const { address, port } = destination;
      this.balancer.replace(key, [plaintextEndpoint(address, port, 'not_provided_by_service_discovery')]);
      return;
    }
    const reader = new EndpointReader(ownAddresses, (address, why) =>
      log.warn('endpoint left out, since it cannot be used as it is described', { target: key, address, why }),
    );
    this.watch = watchServiceEndpoints(key, reader, options, {
      onEndpoints: (infos) => this.take(infos),
      // A Service that is no more has no endpoints, and one that is about to be made has none yet.
      onUnknown: () => this.balancer.replace(key, []),
      onLost: () => {
        const endpoints = known.recall(key)?.endpoints;
        if (this.infos === undefined && endpoints !== undefined && endpoints !== 'unknown') this.take(endpoints.infos);
      },
    });
  }

  close(): void {
    const { infos, options, path } = this;
    this.watch?.close();
    this.balancer.close();
    if (infos !== undefined) {
      options.known.remember(path, { ...options.known.recall(path), endpoints: { authority: path, infos } });
    }
  }

  private take(infos: readonly EndpointInfo[]): void {
    this.infos = infos;
    this.balancer.replace(this.path, infos);
  }
}
