import { readFile } from 'node:fs/promises';
import { OpenConnections } from './accept/open-connections.ts';
import { serveHttp } from './accept/serve-http.ts';
import { AdminAccess, type ServeAdmin } from './admin/access.ts';
import { Admin } from './admin/admin.ts';
import type { Clock } from './clock.ts';
import type { ControlAddress, ProxyConfig, SideConfig, SocketAddress } from './config.ts';
import { ControlClient, type ControlTls } from './control/control-client.ts';
import { KnownTargets } from './discovery/known-targets.ts';
import type { ExchangeSide } from './exchange/exchange.ts';
import { KeptBytes } from './exchange/request-body.ts';
import { IdentityClient } from './identity/identity-client.ts';
import { Inbound } from './inbound/accept.ts';
import { Applications } from './inbound/application.ts';
import { InboundMetrics } from './inbound/metrics.ts';
import type { TerminateTls } from './inbound/tls.ts';
import { type Listener, listen } from './net/listen.ts';
import { OwnListeners } from './net/own-listeners.ts';
import type { SocketConnection } from './net/socket-connection.ts';
import { originalDestination } from './net/system-calls.ts';
import { acceptTls, makeTlsContext, type TlsContext } from './net/tls.ts';
import { EventLoopTurn } from './net/turn.ts';
import { Outbound } from './outbound/accept.ts';
import { OutboundMetrics } from './outbound/metrics.ts';
import { Targets } from './outbound/targets.ts';
import { PolicyStore } from './policy/inbound/policy-store.ts';
import { Shares } from './shares.ts';
import type { Log } from './telemetry/log.ts';
import { processMetrics } from './telemetry/process-metrics.ts';
import { MetricsRegistry } from './telemetry/registry.ts';
import { TimerWheel } from './timer-wheel.ts';
import { SocketDialer, type SocketDialerOptions } from './upstream/dialer.ts';
import { FieldTable } from './wire/field-table.ts';
import { parseIp } from './wire/ip-network.ts';
import type { Connection } from './wire/transport.ts';

export interface SidecarOptions {
  config: ProxyConfig;
  clock: Clock;
  wallClockMs: () => number;
  log: Log;
  version: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** Other processes listen on the same addresses. */
  sharedListeners: boolean;
  /** Called when `ready` may have changed. */
  onReadyChanged: () => void;
  /** What the admin server tells and does beyond this process: that of all workers. */
  others: OtherWorkers | undefined;
  /** The admin server was asked to shut the proxy down. */
  onShutdownRequested: () => void;
}

/** The proxy's other processes, as far as the admin server speaks for them. */
export interface OtherWorkers {
  readonly ready: boolean;
  scrape(own: Iterable<string>): AsyncIterable<string>;
  setLogFilter(filter: string): void;
}

/** The proxy of one workload: its parts, joined. */
export class Sidecar {
  private readonly options: SidecarOptions;
  private readonly turn = new EventLoopTurn();
  private readonly fields: FieldTable;
  private readonly open: OpenConnections;
  private readonly registry: MetricsRegistry;
  private readonly identity: IdentityClient | undefined;
  private readonly identityControl: ControlClient | undefined;
  private readonly destinationControl: ControlClient;
  private readonly policyControl: ControlClient | undefined;
  private readonly policies: PolicyStore;
  private readonly targets: Targets;
  private readonly applications: Applications;
  private readonly shares: Shares;
  private readonly inbound: Inbound;
  private readonly outbound: Outbound;
  private readonly admin: Admin;
  private readonly adminAccess: AdminAccess;
  private tls: TlsContext | undefined = undefined;
  private trafficListeners: Listener[] = [];
  private adminListeners: Listener[] = [];

  constructor(options: SidecarOptions) {
    this.options = options;
    this.open = new OpenConnections(options.clock, options.config.deadlines);
    const { config, clock, wallClockMs, log } = options;
    this.fields = new FieldTable(Math.floor(clock.random() * 2 ** 32));
    this.registry = new MetricsRegistry(clock.nowMs, config.metricsRetainIdleMs);

    const material = (): ControlTls => ({
      trustAnchors: config.identity?.trustAnchors ?? '',
      key: this.identity?.current?.key,
      certificateChain: this.identity?.current?.chain,
    });
    const control = (address: ControlAddress, from = material): ControlClient =>
      new ControlClient({
        address,
        material: from,
        turn: this.turn,
        fields: this.fields,
        clock,
      });
    this.destinationControl = control(config.destination.address);
    this.policyControl = config.policy.address && control(config.policy.address);
    if (config.identity !== undefined) {
      const { identity } = config;
      const anchorsOnly = { trustAnchors: identity.trustAnchors, key: undefined, certificateChain: undefined };
      this.identityControl = control(identity.address, () => anchorsOnly);
      this.identity = new IdentityClient({
        config: identity,
        control: this.identityControl,
        timers: clock,
        nowMs: wallClockMs,
        random: clock.random,
        log,
        readToken: () => readFile(identity.tokenFile),
        onCertificate: ({ key, chain }) => {
          this.tls = makeTlsContext({ key, certificateChain: chain, trustAnchors: identity.trustAnchors });
          // Before, the policy component could not be asked.
          this.policies.takeDefaults(config.policy.initialTimeoutMs);
          options.onReadyChanged();
        },
      });
    }

    const { policyControl } = this;
    this.policies = new PolicyStore({
      clock,
      log,
      channel: policyControl && (() => policyControl.channel()),
      workload: config.policy.workload,
      // Whom the admin server tells is a matter of policy, too.
      ports: [...config.inbound.ports, ...config.admin.listen.map(({ port }) => port)],
      defaultPolicy: config.inbound.defaultPolicy,
      clusterNetworks: config.policy.clusterNetworks,
      detectTimeoutMs: config.inbound.detectTimeoutMs,
      opaquePorts: config.inbound.opaquePorts,
      requireIdentityPorts: config.inbound.requireIdentityPorts,
      requireTlsPorts: config.inbound.requireTlsPorts,
      idleMs: config.inbound.discoveryIdleMs,
      onSettled: () => options.onReadyChanged(),
    });
    const notForWorkload = new OwnListeners([...config.outbound.listen, ...config.admin.listen]);
    const ownListeners = new OwnListeners([
      ...inboundAddresses(config.inbound),
      ...config.outbound.listen,
      ...config.admin.listen,
    ]);
    const isOwnListener = (address: string, port: number): boolean => ownListeners.has(address, port);
    const deadlines = new TimerWheel(clock);
    const outboundMetrics = new OutboundMetrics(this.registry, clock.nowMs);
    const inboundMetrics = new InboundMetrics(this.registry, clock.nowMs);
    const keptBytes = new KeptBytes();
    const outboundSide: ExchangeSide = { clock, deadlines, keptBytes, observers: [outboundMetrics] };
    const inboundSide: ExchangeSide = { clock, deadlines, keptBytes, observers: [inboundMetrics] };
    this.targets = new Targets({
      clock,
      deadlines,
      log,
      channel: () => this.destinationControl.channel(),
      context: config.destination.context,
      ownAddresses: config.inbound.ips,
      known: new KnownTargets(),
      namespace: config.destination.namespace,
      serviceSuffix: config.destination.serviceSuffix,
      discoverable: (address) => {
        const ip = parseIp(address);
        return ip !== undefined && config.destination.networks.some((network) => network.contains(ip));
      },
      dialer: this.dialer(config.outbound, {
        metrics: (endpoint) => outboundMetrics.connections(endpoint),
        // A workload that calls itself comes by its own inbound listener, which leads to the workload alone.
        isOwnListener: (address, port) => notForWorkload.has(address, port),
        meetsSidecars: config.explicit,
      }),
      metrics: outboundMetrics,
      failfastMs: config.outbound.failfastMs,
      discoveryTimeoutMs: config.destination.initialTimeoutMs,
      policy: policyControl && { channel: () => policyControl.channel(), workload: config.policy.workload },
      queueCapacity: config.outbound.queueCapacity,
      http1OverHttp2: config.outbound.http1OverHttp2,
      idleMs: config.outbound.discoveryIdleMs,
      http1IdleMs: config.outbound.http1IdleMs,
    });
    this.shares = new Shares(this.registry, log, clock.nowMs, config.inbound.clients);
    const { peerLog } = this.shares;
    const shared = {
      clock,
      turn: this.turn,
      fields: this.fields,
      log,
      peerLog,
      open: this.open,
      explicit: config.explicit,
    };
    this.outbound = new Outbound({
      ...shared,
      targets: this.targets,
      side: outboundSide,
      ingress: config.outbound.ingressMode,
      metrics: outboundMetrics,
      detectTimeoutMs: config.outbound.detectTimeoutMs,
      keepAlive: config.outbound.serverKeepAlive,
      maxInFlight: config.outbound.maxInFlight,
      informationalHeaders: config.outbound.informationalHeaders,
      originalDestination: originalDestinationOf,
      isOwnListener,
    });
    this.applications = new Applications({
      ports: new Set([...config.inbound.ports, ...config.inbound.explicitPorts.values()]),
      clock,
      deadlines,
      peerLog,
      dialer: this.dialer(config.inbound, {
        metrics: (endpoint) => inboundMetrics.forwarded(endpoint),
        isOwnListener,
        meetsSidecars: false,
      }),
      maxConnectionsPerEndpoint: config.inbound.maxIdlePerEndpoint,
      failfastMs: config.inbound.failfastMs,
      http1IdleMs: config.inbound.http1IdleMs,
    });
    this.inbound = new Inbound({
      ...shared,
      metrics: inboundMetrics,
      side: inboundSide,
      policies: this.policies,
      applications: this.applications,
      listenPort: config.inbound.listen[0].port,
      isOwnListener,
      defaultPort: config.inbound.ports[0],
      explicitPorts: config.inbound.explicitPorts,
      localName: config.identity?.localName,
      terminateTls: () => this.terminateTls(),
      targetAddresses: config.inbound.ips,
      originalDestination: originalDestinationOf,
      detectTimeoutMs: config.inbound.detectTimeoutMs,
      keepAlive: config.inbound.serverKeepAlive,
      maxInFlight: config.inbound.maxInFlight,
    });
    this.registry.gauge(
      'proxy_http_streams_open',
      'HTTP requests under way on accepted connections.',
      () => this.open.activeStreams,
    );
    this.registry.gauge('proxy_deadlines_armed', 'Waits of requests that have a deadline now.', () => deadlines.armed);
    this.registry.gauge(
      'outbound_http_balancer_endpoints',
      'Endpoints of the services that are called: those with a connection are ready, the others pending.',
      () => this.targets.balancerEndpoints(),
    );
    this.registry.gauge(
      'outbound_waiters',
      'Requests and connections that wait for an endpoint, or for one of its connections.',
      () => {
        let waiting = 0;
        for (const { backend } of this.targets.values()) waiting += backend.waiting;
        return waiting;
      },
    );
    this.registry.gauge(
      'inbound_ports_without_policy',
      'Ports of the workload whose default policy holds, since the control plane has not spoken of them.',
      () => this.policies.unspoken,
    );
    this.registry.gauge(
      'inbound_waiters',
      'Requests that wait for a connection to the application.',
      () => this.applications.waiters,
    );
    this.registry.collect(
      processMetrics(options.version, wallClockMs(), () => ({
        expiresMs: this.identity?.current?.notAfterMs,
        refreshedMs: this.identity?.refreshedMs ?? 0,
        refreshes: this.identity?.refreshes ?? 0,
        failures: this.identity?.failures ?? 0,
      })),
    );
    this.adminAccess = new AdminAccess({
      timers: clock,
      policies: this.policies,
      localName: config.identity?.localName,
      terminateTls: () => this.terminateTls(),
      detectTimeoutMs: config.inbound.detectTimeoutMs,
    });
    this.admin = new Admin({
      timers: clock,
      log,
      ready: () => this.ready && (options.others?.ready ?? true),
      metrics: () => options.others?.scrape(this.metrics()) ?? this.metrics(),
      setLogFilter: (filter) => options.others?.setLogFilter(filter),
      environment: options.environment,
      shutdownEnabled: config.admin.shutdownEnabled,
      shutdown: options.onShutdownRequested,
    });
  }

  /**
   * True once the proxy can prove who it is, and knows whom the workload's ports are for.
   *
   * Where the identity or the policy component stands beside this proxy, it is ready without policy: others wait for that
   * pod to have any, so it may wait for nobody.
   */
  get ready(): boolean {
    if (this.identity !== undefined && this.tls === undefined) return false;
    return isBesideMesh(this.options.config) || this.policies.settled;
  }

  metrics(): Generator<string, void> {
    return this.registry.pieces();
  }

  /** Listens and asks for a certificate. Throws when an address cannot be listened on. */
  start(): void {
    const { config, sharedListeners } = this.options;
    const { inbound, outbound, admin } = config;
    this.adminListeners = admin.listen.map(({ host, port }) =>
      listen(host, port, (connection) => this.acceptAdmin(connection), { share: this.shares.descriptors('admin') }),
    );
    this.trafficListeners = [
      ...inboundAddresses(inbound).map(({ host, port }) =>
        listen(host, port, (c) => this.acceptInbound(c), {
          shared: sharedListeners,
          options: inbound.acceptOptions,
          share: this.shares.descriptors('inbound'),
        }),
      ),
      ...outbound.listen.map(({ host, port }) =>
        listen(host, port, (c) => this.outbound.accept(c), {
          shared: sharedListeners,
          options: outbound.acceptOptions,
          share: this.shares.descriptors('outbound'),
        }),
      ),
    ];
    this.identity?.start();
    this.options.onReadyChanged();
    this.policies.start();
    if (isBesideMesh(config)) this.policies.takeDefaults(besideMeshMs);
    else if (config.identity === undefined) this.policies.takeDefaults(config.policy.initialTimeoutMs);
  }

  /** Takes nothing new, lets what is under way finish, and calls `done` when it has. */
  shutdown(done: () => void): void {
    for (const listener of this.trafficListeners) listener.stop();
    this.open.drain(() => {
      for (const listener of this.adminListeners) listener.stop();
      this.identity?.close();
      this.policies.close();
      this.targets.close();
      this.applications.drain();
      this.identityControl?.close();
      this.destinationControl.close();
      this.policyControl?.close();
      done();
    });
  }

  private acceptInbound(connection: SocketConnection): void {
    if (this.shares.clients.admit(connection)) this.inbound.accept(connection);
    else connection.abort();
  }

  private dialer(
    side: SideConfig,
    more: Pick<SocketDialerOptions, 'metrics' | 'isOwnListener' | 'meetsSidecars'>,
  ): SocketDialer {
    const { clock } = this.options;
    return new SocketDialer({
      turn: this.turn,
      fields: this.fields,
      connectTimeoutMs: side.connectTimeoutMs,
      socketOptions: side.connectOptions,
      keepAlive: side.clientKeepAlive,
      timers: clock,
      tls: () => this.tls,
      ...more,
    });
  }

  private terminateTls(): TerminateTls | undefined {
    const { tls } = this;
    if (tls === undefined) return undefined;
    return (connection, hello, alpn, onSecure, onFailed) => {
      const { config, clock } = this.options;
      const timeoutMs = config.inbound.detectTimeoutMs;
      const accepted = connection as SocketConnection;
      if (!this.shares.clients.mayHandshake(accepted)) {
        onFailed('too many handshakes of this client');
        accepted.abort();
        return;
      }
      const identified = (secure: SocketConnection): void => {
        this.shares.clients.identify(secure);
        onSecure(secure);
      };
      acceptTls(accepted, hello, tls, alpn, timeoutMs, clock, identified, onFailed);
    };
  }

  private acceptAdmin(connection: SocketConnection): void {
    if (this.shares.adminClients.admit(connection)) {
      this.adminAccess.accept(connection, (...served) => this.serveAdmin(...served));
    } else connection.abort();
  }

  private serveAdmin(...[connection, version, bytes, caller, closed]: Parameters<ServeAdmin>): void {
    const { turn, fields } = this;
    const { clock, config } = this.options;
    // A scrape must not hold a shutdown up.
    const open = new OpenConnections(clock, config.deadlines);
    const options = { clock, turn, fields, open, keepAlive: undefined };
    serveHttp(connection, version, bytes, options, {
      onRequest: (stream, head, end) => this.admin.onRequest(stream, head, end, caller),
      onRefused: () => {},
      onClosed: closed,
    });
  }
}

/** How long a proxy beside a component that all others need waits for the first word on its ports, in ms. */
const besideMeshMs = 3000;

/** What stands beside its proxy has no name to prove (see config/address.ts). */
const isBesideMesh = ({ identity, policy }: ProxyConfig): boolean =>
  (identity !== undefined && identity.address.serverName === undefined) ||
  (policy.address !== undefined && policy.address.serverName === undefined);

/** Further listeners of explicit mode are on the addresses of the first. */
function inboundAddresses({ listen: own, explicitPorts }: ProxyConfig['inbound']): SocketAddress[] {
  const hosts = [...new Set(own.map(({ host }) => host))];
  return [...own, ...hosts.flatMap((host) => [...explicitPorts.keys()].map((port) => ({ host, port })))];
}

function originalDestinationOf(connection: Connection): { address: string; port: number } | undefined {
  const fd = ((connection as SocketConnection).native as unknown as { fd: number } | undefined)?.fd;
  return fd === undefined ? undefined : originalDestination(fd);
}
