import { Balancer } from '../backend/balancer.ts';
import type { BalancerOptions } from '../backend/balancer-options.ts';
import { EndpointReader } from '../discovery/endpoint-from-api.ts';
import type { LookupOptions } from '../discovery/resolution.ts';
import { watchServiceEndpoints } from '../discovery/service-endpoints.ts';
import { type EndpointInfo, plaintextEndpoint } from '../model/endpoint-info.ts';
import type { BackendBalancing, Destination } from '../policy/outbound/model.ts';
import { makeBreaker } from '../resilience/breaker/make-breaker.ts';
import { formatHostPort } from '../wire/ip-network.ts';

export interface BackendsOptions extends LookupOptions, BalancerOptions {}

/** What a rule leads to, and how that is balanced over; see RuleBackend. */
export interface Named {
  readonly destination: Destination;
  readonly balancing: BackendBalancing | undefined;
}

/** The balancers of what the rules of one target name besides the target itself. */
export class Backends {
  private readonly options: BackendsOptions;
  private readonly byKey = new Map<string, NamedBackend>();
  /** Keys of those that no rule names any more: they are there until what is under way has ended. */
  private readonly leaving = new Set<string>();

  constructor(options: BackendsOptions) {
    this.options = options;
  }

  /** The balancer of a backend: there until `keepOnly` is called without it. */
  of(named: Named): Balancer {
    const key = keyOf(named);
    let backend = this.byKey.get(key);
    if (backend === undefined) {
      backend = new NamedBackend(named, this.options);
      this.byKey.set(key, backend);
    }
    this.leaving.delete(key);
    return backend.balancer;
  }

  /** Lets go of those that none of `named` is. */
  keepOnly(named: readonly Named[]): void {
    const kept = new Set(named.map(keyOf));
    for (const key of this.byKey.keys()) if (!kept.has(key)) this.leaving.add(key);
  }

  /** Closes connections that were not used since the last call, and what is let go of and has ended. */
  sweep(): void {
    for (const [key, { balancer }] of this.byKey) {
      if (this.leaving.has(key) && !balancer.isBusy) this.drop(key);
      else balancer.sweep();
    }
  }

  /** With what each leads to (`host:port`). */
  *balancers(): Iterable<readonly [to: string, balancer: Balancer]> {
    for (const { path, balancer } of this.byKey.values()) yield [path, balancer];
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

function pathOf(destination: Destination): string {
  return destination.kind === 'service' ? destination.path : formatHostPort(destination.address, destination.port);
}

/**
 * One that is balanced over in another way is another. Rules bring keys and sessions of their own: what carries them, and
 * how long, is not for the balancer.
 */
function keyOf({ destination, balancing }: Named): string {
  const path = pathOf(destination);
  if (balancing === undefined) return path;
  const { affinity, ...others } = balancing;
  const way = affinity && { bySession: affinity.key.kind === 'session', maxLoad: affinity.maxLoad };
  return `${path} ${JSON.stringify({ ...others, affinity: way })}`;
}

/** A balancer and where it has its endpoints from. */
class NamedBackend {
  readonly balancer: Balancer;
  readonly path: string;
  private readonly options: BackendsOptions;
  private readonly watch: { close(): void } | undefined = undefined;
  private infos: readonly EndpointInfo[] | undefined = undefined;

  constructor({ destination, balancing }: Named, options: BackendsOptions) {
    const { known, log, ownAddresses, clock } = options;
    const key = pathOf(destination);
    this.path = key;
    this.options = options;
    const { load, breaker, affinity, zones } = balancing ?? {};
    this.balancer = new Balancer(key, {
      ...options,
      load,
      breaker: breaker && (() => makeBreaker(breaker, clock.random)),
      minReadyEndpoints: breaker?.minReadyEndpoints,
      choice: affinity === undefined && zones === undefined ? undefined : { affinity, zones },
    });
    if (destination.kind === 'address') {
      const { address, port } = destination;
      this.balancer.replace(key, [plaintextEndpoint(address, port, 'not_provided_by_service_discovery')]);
      return;
    }
    const reader = new EndpointReader(ownAddresses, (address, why) =>
      log.warn('endpoint left out, since it cannot be used as it is described', { target: key, address, why }),
    );
    this.watch = watchServiceEndpoints({ path: key, allZones: zones !== undefined }, reader, options, {
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
