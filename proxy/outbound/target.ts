import { Balancer } from '../backend/balancer.ts';
import type { BalancerOptions } from '../backend/balancer-options.ts';
import type { TimerHandle } from '../clock.ts';
import type { TargetName } from '../discovery/addresses.ts';
import { ExternalLookup } from '../discovery/external-lookup.ts';
import { Lookup } from '../discovery/lookup.ts';
import type { LookupOptions, Resolution } from '../discovery/resolution.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { TraceOverrides } from '../exchange/trace-overrides.ts';
import { type EndpointInfo, plaintextEndpoint } from '../model/endpoint-info.ts';
import { type DeclaredProtocol, noPolicy, type OutboundPolicy } from '../policy/outbound/model.ts';
import type { ProfileRoutes } from '../route/profile-routes.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import { Backends } from './backends.ts';
import type { OutboundMetrics } from './metrics.ts';
import type { EndableWaiter } from './open-calls.ts';
import { Plans } from './plans.ts';

export interface TargetOptions extends LookupOptions, Omit<BalancerOptions, 'requestMetrics'> {
  metrics: OutboundMetrics;
  /** What the traces of requests to the workload ask for. */
  traces: TraceOverrides;
  /** How long a connection or request waits to be told what its target speaks and how it is routed, in ms. */
  discoveryTimeoutMs: number;
  /** Whether an address is one that discovery may know of. */
  discoverable: (address: string) => boolean;
}

/** Where the requests for one name go: what discovery says of it, the plans for its requests, and its endpoints. */
export class Target implements Resolution {
  readonly name: TargetName;
  readonly backend: Balancer;
  private readonly options: TargetOptions;
  private readonly backends: Backends;
  private readonly plans: Plans;
  private readonly lookup: Pick<Lookup, 'mustBeKept' | 'close'> | undefined;
  /** By the profile; undefined until discovery has answered. */
  private opaque: boolean | undefined = undefined;
  /** By the policy; undefined until it has answered. */
  private declared: DeclaredProtocol | undefined = undefined;
  private readonly undiscovered = new Set<() => void>();
  /** Connections of the application that lead here. */
  private connections = 0;
  /** It is unknown to discovery, and nothing goes there before policy has spoken of it. */
  private isUnspoken = false;
  private lastUsedMs: number;
  private closed = false;
  /** What discovery calls the service; undefined for what it does not know. */
  authority: string | undefined = undefined;

  constructor(name: TargetName, options: TargetOptions) {
    this.name = name;
    this.options = options;
    const { metrics, clock, log, traces } = options;
    const balancing: BalancerOptions = {
      ...options,
      requestMetrics: (authority, info) => metrics.requests(authority, info),
      ejections: metrics.ejections,
    };
    this.backend = new Balancer(formatHostPort(name.host, name.port), balancing);
    this.backends = new Backends({ ...options, ...balancing });
    const { policy } = options;
    const isDiscovered = name.kind === 'service' || (name.kind === 'ip' && options.discoverable(name.host));
    const isOutside = name.kind === 'ip' && !isDiscovered && policy !== undefined;
    this.plans = new Plans({
      own: this.backend,
      name,
      backends: this.backends,
      metrics,
      clock,
      log,
      traces,
      isOutside,
    });
    this.lastUsedMs = clock.nowMs();
    if (isDiscovered) this.lookup = new Lookup(name, options, this);
    else this.lookup = isOutside ? new ExternalLookup(name, { ...options, policy }, this) : undefined;
    if (this.lookup === undefined) this.onUnknown();
  }

  /** Sends a request on its way, once it is known which that is. */
  send(exchange: Exchange): void {
    this.lastUsedMs = exchange.startMs;
    if (this.protocol !== undefined) exchange.begin(this.plans.find(exchange));
    else this.whenDiscovered(() => exchange.begin(this.plans.find(exchange)));
  }

  /** Keeps the target for a connection of the application that leads here, until `release`. */
  retain(): void {
    this.connections++;
  }

  release(): void {
    this.connections--;
    this.lastUsedMs = this.options.clock.nowMs();
  }

  /** What connections speak; undefined until discovery has answered. */
  get protocol(): DeclaredProtocol | undefined {
    const { opaque, declared } = this;
    if (opaque === undefined || declared === undefined) return undefined;
    // Opaque bytes are not looked into but for the name by which policy tells where they go.
    return opaque && declared !== 'tls' ? 'opaque' : declared;
  }

  /** The same, as far as it is known: who has waited long enough goes by that. */
  get likelyProtocol(): DeclaredProtocol {
    return this.protocol ?? (this.opaque ? 'opaque' : 'detect');
  }

  /** What policy says of it now. */
  get policy(): OutboundPolicy {
    return this.plans.current;
  }

  /** Gives a connection that nobody looks into an endpoint. `serverName` is what its TLS asks for, if that was read. */
  connect(waiter: EndableWaiter, serverName: string | undefined): void {
    this.plans.connect(waiter, serverName);
  }

  /** Calls back once `protocol` is known, or has been waited for long enough. */
  whenDiscovered(callback: () => void): void {
    if (this.protocol !== undefined || this.closed) {
      callback();
      return;
    }
    const { clock, discoveryTimeoutMs } = this.options;
    const settle = (): void => {
      clock.cancel(timer);
      if (this.undiscovered.delete(settle)) callback();
    };
    const timer: TimerHandle = clock.after(discoveryTimeoutMs, settle);
    this.undiscovered.add(settle);
  }

  /**
   * True when nothing has used it for `idleMs`, nothing does now, and no connection can send more. One that is known is
   * kept while nobody could be asked for it again, and one with connections that are still good while they are.
   */
  isIdle(nowMs: number, idleMs: number): boolean {
    if (this.connections > 0 || this.undiscovered.size > 0 || nowMs - this.lastUsedMs < idleMs) return false;
    if (this.lookup?.mustBeKept) return false;
    for (const [, balancer] of this.balancers()) if (balancer.isBusy || balancer.connections > 0) return false;
    return true;
  }

  /** Closes connections that were not used since the last call. */
  sweep(): void {
    this.backend.sweep();
    this.backends.sweep();
  }

  /** Of the target itself, and of what its rules name, each with what discovery calls that; undefined: it does not know. */
  *balancers(): Iterable<readonly [authority: string | undefined, balancer: Balancer]> {
    yield [this.authority, this.backend];
    yield* this.backends.balancers();
  }

  /** Lets what is under way finish and takes nothing more. */
  close(): void {
    this.closed = true;
    this.lookup?.close();
    this.backend.close();
    this.plans.close();
    this.backends.close();
    this.settle();
  }

  onOpaque(opaque: boolean): void {
    this.opaque = opaque;
    if (this.protocol !== undefined) this.settle();
  }

  onPolicy(policy: OutboundPolicy, path: string): void {
    if (this.closed) return;
    this.declared = policy.protocol;
    this.plans.replacePolicy(policy, path);
    if (this.isUnspoken) this.goDirect();
    if (this.protocol !== undefined) this.settle();
  }

  onRoutes(authority: string, routes: ProfileRoutes | undefined): void {
    if (!this.closed) this.plans.replaceProfile(authority, routes);
  }

  onEndpoints(authority: string, endpoints: readonly EndpointInfo[]): void {
    if (this.closed) return;
    this.authority = authority;
    this.isUnspoken = false;
    this.plans.discovered();
    this.backend.replace(authority, endpoints);
  }

  /** The address itself, in plaintext, or whatever the resolver makes of the name. */
  onUnknown(): void {
    if (this.closed) return;
    // Policy has its say of an address, which an EgressNetwork may hold, and not of a name that is none in the mesh.
    const hasPolicy = this.name.kind === 'ip' && this.options.policy !== undefined;
    if (!hasPolicy) this.declared ??= noPolicy.protocol;
    if (this.opaque === undefined) this.onOpaque(false);
    this.authority = undefined;
    this.isUnspoken = this.declared === undefined;
    if (!this.isUnspoken) this.goDirect();
  }

  private goDirect(): void {
    this.isUnspoken = false;
    const { given, port, kind } = this.name;
    const endpoint = plaintextEndpoint(given, port, 'not_provided_by_service_discovery');
    // What is called may be about to be created.
    this.backend.replace(formatHostPort(given, port), [endpoint], kind === 'service');
  }

  private settle(): void {
    for (const settle of [...this.undiscovered]) settle();
  }
}
