import { P2c } from '../balance/p2c.ts';
import { PeakEwma } from '../balance/peak-ewma.ts';
import type { TimerHandle } from '../clock.ts';
import { BackOff } from '../control/back-off.ts';
import type { DeclaredProtocol } from '../discovery/declared-protocol.ts';
import { Lookup, type LookupOptions, type Resolution } from '../discovery/lookup.ts';
import type { TargetName } from '../discovery/target-name.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { failures } from '../exchange/proxy-failure.ts';
import { type EndpointInfo, plaintextEndpoint, sameConnection, sameLabels } from '../model/endpoint-info.ts';
import type { ProfileRoutes } from '../route/profile-routes.ts';
import type { PoolFailure } from '../upstream/connection-pool.ts';
import { type Dialer, Endpoint } from '../upstream/endpoint.ts';
import { formatHostPort } from '../wire/ip-network.ts';
import type { Connection } from '../wire/transport.ts';
import { BalancedEndpoint, type Dispatcher } from './balanced-endpoint.ts';
import { CountedRoutes } from './counted-routes.ts';
import type { OutboundMetrics } from './outbound-metrics.ts';

export interface DestinationOptions extends LookupOptions {
  dialer: Dialer;
  metrics: OutboundMetrics;
  failfastMs: number;
  /** How long a connection waits to be told what its target speaks. */
  discoveryTimeoutMs: number;
  queueCapacity: number;
  /** Whether HTTP/1 is carried over HTTP/2 where the control plane hints that the peer takes it. */
  http1OverHttp2: boolean;
  /** Whether an address is one that discovery may know of. */
  discoverable: (address: string) => boolean;
}

/** A connection that waits for an endpoint. */
export interface TcpWaiter {
  onConnected(connection: Connection): void;
  onFailed(reason: PoolFailure | 'failfast'): void;
}

type Waiting = { readonly exchange: Exchange } | { readonly tcp: TcpWaiter };

/** Connections are few: HTTP/2 carries many requests, HTTP/1 as many as there are clients waiting at a time. */
const limits = { maxHttp1Connections: 10_000, maxHttp2Connections: 16, maxWaiters: 10_000 };

/**
 * Where the requests for one name go: what discovery says of it, its endpoints and their balancing.
 *
 *     looking up --profile, endpoints--> endpoints known <--> none ready: requests wait
 *                                                             none ready for `failfastMs`: requests fail at once
 *                                                             until an endpoint is connected again
 */
export class Destination implements Dispatcher, Resolution {
  readonly name: TargetName;
  /** By the profile; undefined until discovery has answered. */
  private opaque: boolean | undefined = undefined;
  /** By the policy; undefined until it has answered. */
  private declared: DeclaredProtocol | undefined = undefined;
  private readonly options: DestinationOptions;
  private readonly balancer: P2c<BalancedEndpoint>;
  private readonly byAddress = new Map<string, BalancedEndpoint>();
  private authority: string;
  private readonly lookup: Lookup | undefined;
  private queue: Waiting[] = [];
  private readonly protocolWaiters = new Set<() => void>();
  private failfastTimer: TimerHandle | undefined = undefined;
  private failfast = false;
  /** Connecting has failed since it last succeeded. */
  private failing = false;
  private readonly retryTimers = new Set<TimerHandle>();
  private readonly routes: CountedRoutes;
  /** Connections of the application that lead here. */
  private connections = 0;
  private lastUsedMs: number;
  private closed = false;

  constructor(name: TargetName, options: DestinationOptions) {
    this.name = name;
    this.options = options;
    this.balancer = new P2c(options.clock.random);
    this.authority = formatHostPort(name.host, name.port);
    this.routes = new CountedRoutes(options.metrics, options.clock);
    this.lastUsedMs = options.clock.nowMs();
    const direct = name.kind === 'other' || (name.kind === 'ip' && !options.discoverable(name.host));
    this.lookup = direct ? undefined : new Lookup(name, options, this);
    if (direct) this.onUnknown();
  }

  /** Sends a request to one of the endpoints, at once or when one is ready. */
  send(exchange: Exchange): void {
    this.lastUsedMs = exchange.startMs;
    this.routes.count(exchange);
    this.dispatch(exchange, exchange.startMs);
  }

  /** Connects to one of the endpoints for opaque bytes. */
  connect(waiter: TcpWaiter): void {
    this.lastUsedMs = this.options.clock.nowMs();
    const endpoint = this.balancer.pick(this.lastUsedMs);
    if (endpoint === undefined) {
      this.enqueue({ tcp: waiter });
      return;
    }
    endpoint.ewma.begin();
    const startMs = this.lastUsedMs;
    this.options.dialer.dialTcp(
      endpoint.endpoint,
      (connection) => {
        endpoint.ewma.end(this.options.clock.nowMs(), this.options.clock.nowMs() - startMs);
        this.onReady(endpoint);
        waiter.onConnected(connection);
      },
      () => {
        endpoint.ewma.abandon();
        this.setUnready(endpoint);
        this.connect(waiter);
      },
    );
  }

  /** Keeps the destination for a connection of the application that leads here, until `release`. */
  retain(): void {
    this.connections++;
  }

  release(): void {
    this.connections--;
    this.lastUsedMs = this.options.clock.nowMs();
  }

  /** What connections speak; undefined until discovery has answered. */
  get protocol(): DeclaredProtocol | undefined {
    if (this.opaque) return 'opaque';
    return this.opaque === undefined ? undefined : this.declared;
  }

  /** Calls back once `protocol` is known, or has been waited for long enough. */
  whenDiscovered(callback: () => void): void {
    if (this.protocol !== undefined) {
      callback();
      return;
    }
    const { clock, discoveryTimeoutMs } = this.options;
    const settle = (): void => {
      clock.cancel(timer);
      if (this.protocolWaiters.delete(settle)) callback();
    };
    const timer = clock.after(discoveryTimeoutMs, settle);
    this.protocolWaiters.add(settle);
  }

  /** True when nothing has used it for `idleMs`, nothing does now, and no connection can send more. */
  isIdle(nowMs: number, idleMs: number): boolean {
    if (this.queue.length > 0 || this.connections > 0 || nowMs - this.lastUsedMs < idleMs) return false;
    if (this.lookup?.mustBeKept) return false;
    for (const { ewma } of this.byAddress.values()) if (ewma.inFlight > 0) return false;
    return true;
  }

  /** Closes connections that were not used since the last call. */
  sweep(): void {
    const nowMs = this.options.clock.nowMs();
    for (const { endpoint } of this.byAddress.values()) endpoint.sweep(nowMs);
  }

  /** Lets what is under way finish and takes nothing more. */
  close(): void {
    this.closed = true;
    this.lookup?.close();
    for (const timer of this.retryTimers) this.options.clock.cancel(timer);
    const endpoints = [...this.byAddress.values()];
    this.byAddress.clear();
    this.remove(endpoints);
    this.routes.replace('', undefined);
    this.failQueue();
    for (const settle of [...this.protocolWaiters]) settle();
  }

  onOpaque(opaque: boolean): void {
    this.opaque = opaque;
    this.onProtocolChanged();
  }

  onProtocol(protocol: DeclaredProtocol): void {
    this.declared = protocol;
    this.onProtocolChanged();
  }

  onRoutes(authority: string, routes: ProfileRoutes | undefined): void {
    if (!this.closed) this.routes.replace(authority, routes);
  }

  onEndpoints(authority: string, endpoints: readonly EndpointInfo[]): void {
    this.authority = authority;
    const { http1OverHttp2 } = this.options;
    this.replaceEndpoints(http1OverHttp2 ? endpoints : endpoints.map((info) => ({ ...info, http2: false })));
  }

  /** The address itself, in plaintext, or whatever the resolver makes of the name. */
  onUnknown(): void {
    this.declared ??= 'detect';
    if (this.opaque === undefined) this.onOpaque(false);
    const { given: host, port } = this.name;
    this.replaceEndpoints([plaintextEndpoint(host, port, 'not_provided_by_service_discovery')]);
  }

  onReady(endpoint: BalancedEndpoint): void {
    endpoint.backOff.reset();
    this.failfast = false;
    this.failing = false;
    // Only a connection ends the wait: tries alone must not make it longer.
    if (this.failfastTimer === undefined) return;
    this.options.clock.cancel(this.failfastTimer);
    this.failfastTimer = undefined;
  }

  onConnectFailed(endpoint: BalancedEndpoint, exchange: Exchange, reason: PoolFailure): void {
    if (reason === 'overflow') {
      exchange.fail(failures.loadShed);
      return;
    }
    this.setUnready(endpoint);
    // Nothing of the request has been sent: another endpoint may have it.
    this.dispatch(exchange, this.options.clock.nowMs());
  }

  private dispatch(exchange: Exchange, nowMs: number): void {
    const endpoint = this.balancer.pick(nowMs);
    if (endpoint !== undefined) endpoint.forward(exchange);
    else this.enqueue({ exchange });
  }

  private setUnready(endpoint: BalancedEndpoint): void {
    if (!endpoint.ready || endpoint.removed) return;
    endpoint.ready = false;
    this.failing = true;
    this.rebalance();
    const { clock } = this.options;
    const timer = clock.after(endpoint.backOff.delayMs(), () => {
      this.retryTimers.delete(timer);
      if (endpoint.removed) return;
      endpoint.ready = true;
      this.rebalance();
    });
    this.retryTimers.add(timer);
  }

  private enqueue(waiting: Waiting): void {
    if (this.failfast || this.closed) fail(waiting, 'failfast');
    else if (this.queue.length >= this.options.queueCapacity) fail(waiting, 'overflow');
    else {
      this.queue.push(waiting);
      this.failfastTimer ??= this.options.clock.after(this.options.failfastMs, () => this.enterFailfast());
    }
  }

  private enterFailfast(): void {
    this.failfastTimer = undefined;
    if (this.queue.length === 0 && !this.failing) return;
    this.failfast = true;
    const { host, port } = this.name;
    this.options.log.warn('no endpoint became ready', {
      target: formatHostPort(host, port),
      endpoints: this.byAddress.size,
    });
    this.failQueue();
  }

  private onProtocolChanged(): void {
    if (this.protocol === undefined) return;
    for (const settle of [...this.protocolWaiters]) settle();
  }

  private failQueue(): void {
    for (const waiting of this.queue.splice(0)) fail(waiting, 'failfast');
  }

  private rebalance(): void {
    this.balancer.replace([...this.byAddress.values()].filter(({ ready }) => ready));
    if (this.balancer.size === 0 || this.queue.length === 0) return;
    for (const waiting of this.queue.splice(0)) {
      if ('tcp' in waiting) this.connect(waiting.tcp);
      else if (!waiting.exchange.finished) {
        // The profile may have come only now.
        this.routes.count(waiting.exchange);
        this.dispatch(waiting.exchange, this.options.clock.nowMs());
      }
    }
  }

  private replaceEndpoints(infos: readonly EndpointInfo[]): void {
    const { clock, metrics, dialer } = this.options;
    const keep = new Set<string>();
    const gone: BalancedEndpoint[] = [];
    for (const info of infos) {
      const key = formatHostPort(info.address, info.port);
      keep.add(key);
      const existing = this.byAddress.get(key);
      if (existing !== undefined && isUnchanged(existing.endpoint.info, info)) {
        existing.weight = info.weight;
        continue;
      }
      if (existing !== undefined) gone.push(existing);
      const endpoint = new Endpoint(info, dialer, limits);
      const ewma = new PeakEwma(clock.nowMs());
      const backOff = new BackOff(100, 5000, 1, clock.random);
      this.byAddress.set(
        key,
        new BalancedEndpoint(endpoint, ewma, metrics.requests(this.authority, info), backOff, this),
      );
    }
    for (const [key, endpoint] of this.byAddress) {
      if (keep.has(key)) continue;
      this.byAddress.delete(key);
      gone.push(endpoint);
    }
    this.remove(gone);
  }

  /** Lets go of endpoints that are not in `byAddress` any more: what waits for them goes to those that are. */
  private remove(endpoints: readonly BalancedEndpoint[]): void {
    for (const endpoint of endpoints) endpoint.removed = true;
    this.rebalance();
    for (const endpoint of endpoints) {
      endpoint.endpoint.drain();
      endpoint.metrics.release(this.options.clock.nowMs());
    }
  }
}

/** But for its weight. */
function isUnchanged(was: EndpointInfo, is: EndpointInfo): boolean {
  return sameConnection(was, is) && sameLabels(was, is);
}

function fail(waiting: Waiting, reason: 'failfast' | 'overflow'): void {
  if ('tcp' in waiting) waiting.tcp.onFailed(reason);
  else waiting.exchange.fail(reason === 'overflow' ? failures.loadShed : failures.failfast);
}
