import { OpenConnections } from '../accept/open-connections.ts';
import type { TerminateTls } from '../accept/terminate-tls.ts';
import type { WriteBytes } from '../access-log/line-sink.ts';
import type { Clock } from '../clock.ts';
import type { ControlAddress, ProxyConfig, SideConfig } from '../config.ts';
import { connectionsPage } from '../debug/connections.ts';
import { destinationsPage } from '../debug/destinations.ts';
import { written } from '../debug/page.ts';
import { routesPage } from '../debug/routes.ts';
import type { Exchange, ExchangeSide } from '../exchange/exchange.ts';
import { failures } from '../exchange/proxy-failure.ts';
import { KeptBytes } from '../exchange/request-body.ts';
import { TraceOverrides } from '../exchange/trace-overrides.ts';
import { Inbound } from '../inbound/accept.ts';
import { Applications } from '../inbound/application.ts';
import { Checks } from '../inbound/checks.ts';
import { InboundMetrics } from '../inbound/metrics.ts';
import { type Listener, listen } from '../net/listen.ts';
import { OwnListeners } from '../net/own-listeners.ts';
import type { SocketConnection } from '../net/socket-connection.ts';
import { acceptTls } from '../net/tls.ts';
import { EventLoopTurn } from '../net/turn.ts';
import { Outbound } from '../outbound/accept.ts';
import { OutboundMetrics } from '../outbound/metrics.ts';
import type { Targets } from '../outbound/targets.ts';
import type { PolicyStore } from '../policy/inbound/policy-store.ts';
import type { Statsd } from '../statsd/statsd.ts';
import type { TapReport } from '../tap/observer.ts';
import { type OtherTaps, TapService } from '../tap/service.ts';
import { maxHeldBytes } from '../tap/tapped-body.ts';
import { readTapRequest, type Tapping, Taps } from '../tap/taps.ts';
import type { Log } from '../telemetry/log.ts';
import { processMetrics } from '../telemetry/process-metrics.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { TimerWheel } from '../timer-wheel.ts';
import { EndUsers } from '../tokens/end-users.ts';
import { SocketDialer, type SocketDialerOptions } from '../upstream/dialer.ts';
import { FieldTable } from '../wire/field-table.ts';
import { AccessLogWriter } from './access-log-writer.ts';
import { inboundAddresses, originalDestinationOf } from './addresses.ts';
import { AdminServer } from './admin-server.ts';
import { ControlPlane } from './control-plane.ts';
import { policiesOf, targetsOf } from './followed.ts';
import { addGauges } from './gauges.ts';
import { Shares } from './shares.ts';
import { statsdOf } from './statsd.ts';
import { TapServer } from './tap-server.ts';
import { type Traces, tracesOf } from './tracing.ts';

export interface SidecarOptions {
  config: ProxyConfig;
  clock: Clock;
  wallClockMs: () => number;
  log: Log;
  /** Where the access log goes. */
  writeAccessLog: WriteBytes;
  version: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** How many processes of this proxy listen on the same addresses, this one among them. */
  processes: number;
  /** Called when `ready` may have changed. */
  onReadyChanged: () => void;
  /** What the admin server tells and does beyond this process: that of all workers. */
  others: OtherWorkers | undefined;
  /** The admin server was asked to shut the proxy down. */
  onShutdownRequested: () => void;
}

/** The proxy's other processes, as far as the admin server and taps speak for them. */
export interface OtherWorkers extends OtherTaps {
  readonly ready: boolean;
  scrape(own: Iterable<string>, withExemplars: boolean): AsyncIterable<string>;
  setLogFilter(filter: string): void;
}

/** The proxy of one workload: its parts, joined. */
export class Sidecar {
  private readonly options: SidecarOptions;
  private readonly turn = new EventLoopTurn();
  private readonly fields: FieldTable;
  private readonly open: OpenConnections;
  private readonly registry: MetricsRegistry;
  private readonly control: ControlPlane;
  private readonly policies: PolicyStore;
  private readonly targets: Targets;
  private readonly applications: Applications;
  private readonly shares: Shares;
  private readonly spans: Traces;
  private readonly inbound: Inbound;
  private readonly outbound: Outbound;
  private readonly admin: AdminServer;
  private readonly taps: Taps;
  private readonly tapServer: TapServer;
  private readonly accessLog: AccessLogWriter;
  private readonly statsd: Statsd | undefined;
  private trafficListeners: Listener[] = [];
  private adminListeners: Listener[] = [];

  constructor(options: SidecarOptions) {
    this.options = options;
    this.open = new OpenConnections(options.clock, options.config.deadlines);
    const { config, clock, wallClockMs, log } = options;
    this.fields = new FieldTable(Math.floor(clock.random() * 2 ** 32));
    this.registry = new MetricsRegistry(clock.nowMs, config.metricsRetainIdleMs);

    this.control = new ControlPlane({
      config,
      clock,
      wallClockMs,
      log,
      turn: this.turn,
      fields: this.fields,
      registry: this.registry,
      onIdentity: () => {
        // Before, the policy component could not be asked.
        this.policies.start();
        if (isBeside(config.identity)) this.policies.takeDefaults(certifierMs, config.identity?.address.port);
        this.policies.takeDefaults(config.policy.initialTimeoutMs);
        options.onReadyChanged();
      },
    });

    this.policies = policiesOf(options, this.control);
    const others = [...config.outbound.listen, ...config.admin.listen, ...config.tap.listen];
    const notForWorkload = new OwnListeners(others);
    const ownListeners = new OwnListeners([...inboundAddresses(config.inbound), ...others]);
    const isOwnListener = (address: string, port: number): boolean => ownListeners.has(address, port);
    const deadlines = new TimerWheel(clock);
    const outboundMetrics = new OutboundMetrics(this.registry, clock.nowMs, config.outbound.metricsByHostname);
    const inboundMetrics = new InboundMetrics(this.registry, clock.nowMs);
    const keptBytes = new KeptBytes();
    const { turn, fields, registry, control } = this;
    const { version } = options;
    this.spans = tracesOf(config.tracing, { clock, log, turn, fields, registry, control, version });
    this.accessLog = new AccessLogWriter(config.accessLog, options.writeAccessLog, clock, this.registry);
    const outboundSide: ExchangeSide = {
      clock,
      deadlines,
      keptBytes,
      observers: [outboundMetrics, ...this.spans.observers],
    };
    const inboundSide: ExchangeSide = {
      clock,
      deadlines,
      keptBytes,
      observers: [inboundMetrics, ...this.spans.observers, ...this.accessLog.observers],
    };
    const traces = new TraceOverrides(deadlines);
    this.targets = targetsOf(config, this.control, {
      traces,
      clock,
      deadlines,
      log,
      metrics: outboundMetrics,
      dialer: this.dialer(config.outbound, {
        metrics: (endpoint) => outboundMetrics.connections(endpoint),
        // A workload that calls itself comes by its own inbound listener, which leads to the workload alone.
        isOwnListener: (address, port) => notForWorkload.has(address, port),
        meetsSidecars: config.explicit,
      }),
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
    const endUsers = new EndUsers({ wallClockMs });
    const checks = new Checks({
      side: outboundSide,
      sendTo: (authority, exchange) => this.send(authority, exchange),
      wallClockMs,
    });
    this.inbound = new Inbound({
      ...shared,
      traces,
      endUsers,
      checks,
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
    addGauges(this.registry, {
      open: this.open,
      deadlines,
      targets: this.targets,
      policies: this.policies,
      applications: this.applications,
      endUsers,
      checks,
    });
    this.statsd = statsdOf({ ...options, registry: this.registry, scrape: () => this.scrape(false) });
    this.registry.collect(processMetrics(options.version, wallClockMs(), () => this.control.certificate));
    this.admin = new AdminServer({
      config,
      clock,
      log,
      turn: this.turn,
      fields: this.fields,
      clients: this.shares.adminClients,
      policies: this.policies,
      terminateTls: () => this.terminateTls(),
      ready: () => this.ready && (options.others?.ready ?? true),
      metrics: (withExemplars) => this.scrape(withExemplars),
      setLogFilter: (filter) => options.others?.setLogFilter(filter),
      environment: options.environment,
      debug: {
        connections: () => written('connections', connectionsPage(this.open, clock.nowMs())),
        destinations: () => written('destinations', destinationsPage(this.targets.values(), clock.nowMs())),
        routes: () => written('routes', routesPage(this.policies, this.targets.values())),
      },
      shutdown: options.onShutdownRequested,
    });
    const shortBodies = this.registry
      .counter(
        'proxy_tap_bodies_short_total',
        'Bodies that taps were told less of than they asked for, for want of room.',
      )
      .count({});
    this.taps = new Taps(clock, [inboundSide, outboundSide], {
      allowed: config.tap.bodies,
      room: new KeptBytes(maxHeldBytes),
      onNoRoom: () => shortBodies.value++,
    });
    this.tapServer = new TapServer({
      service: new TapService({
        taps: this.taps,
        others: options.others,
        allowed: config.tap.allowed,
        registry: this.registry,
      }),
      config,
      clock,
      turn: this.turn,
      fields: this.fields,
      clients: this.shares.adminClients,
      terminateTls: () => this.terminateTls(),
    });
  }

  /**
   * True once the proxy can prove who it is, and knows whom the workload's ports are for.
   *
   * Where the identity or the policy component stands beside this proxy, it is ready without policy: others wait for that
   * pod to have any, so it may wait for nobody.
   */
  get ready(): boolean {
    if (this.options.config.identity !== undefined && this.control.tls === undefined) return false;
    return isBesideMesh(this.options.config) || this.policies.settled;
  }

  private scrape(withExemplars: boolean): Iterable<string> | AsyncIterable<string> {
    const own = this.metrics(withExemplars);
    return this.options.others?.scrape(own, withExemplars) ?? own;
  }

  metrics(withExemplars: boolean): Generator<string, void> {
    return this.registry.pieces(withExemplars);
  }

  /** Begins a tap on the requests of this process. `request` is an encoded ObserveRequest that has been read before. */
  tap(request: Uint8Array, report: (report: TapReport) => boolean): Tapping {
    return this.taps.begin(readTapRequest(request), report);
  }

  /** Listens and asks for a certificate. Throws when an address cannot be listened on. */
  start(): void {
    const { config, processes } = this.options;
    const { inbound, outbound, admin, tap } = config;
    const share = this.shares.descriptors('admin');
    this.adminListeners = [
      ...admin.listen.map(({ host, port }) => listen(host, port, (c) => this.admin.accept(c), { share })),
      ...tap.listen.map(({ host, port }) => listen(host, port, (c) => this.tapServer.accept(c), { share })),
    ];
    this.trafficListeners = [
      ...inboundAddresses(inbound).map(({ host, port }) =>
        listen(host, port, (c) => this.acceptInbound(c), {
          shared: processes > 1,
          options: inbound.acceptOptions,
          share: this.shares.descriptors('inbound'),
        }),
      ),
      ...outbound.listen.map(({ host, port }) =>
        listen(host, port, (c) => this.outbound.accept(c), {
          shared: processes > 1,
          options: outbound.acceptOptions,
          share: this.shares.descriptors('outbound'),
        }),
      ),
    ];
    this.statsd?.start();
    this.control.start();
    this.options.onReadyChanged();
    if (config.identity === undefined || isBeside(config.policy)) this.policies.start();
    if (isBesideMesh(config)) this.policies.takeDefaults(besideMeshMs);
    else if (config.identity === undefined) this.policies.takeDefaults(config.policy.initialTimeoutMs);
  }

  /** Takes nothing new, lets what is under way finish, and calls `done` when it has. */
  shutdown(done: () => void): void {
    for (const listener of this.trafficListeners) listener.stop();
    this.open.drain(() => {
      for (const listener of this.adminListeners) listener.stop();
      this.policies.close();
      this.targets.close();
      this.applications.drain();
      this.spans.shutdown(() => {
        this.control.close();
        this.accessLog.end(() => void (this.statsd?.close() ?? Promise.resolve()).then(done));
      });
    });
  }

  /** Sends a request of the proxy's own where those of the workload would go. */
  private send(authority: string, exchange: Exchange): void {
    const target = this.targets.forAuthority(authority);
    if (target === undefined) exchange.fail(failures.notFound);
    else target.send(exchange);
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
      tls: () => this.control.tls,
      ...more,
    });
  }

  private terminateTls(): TerminateTls | undefined {
    const { tls } = this.control;
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
}

/** How long a proxy beside a component that all others need waits for the first word on its ports, in ms. */
const besideMeshMs = 3000;
/**
 * The same, in ms from its own certificate on, of the port that certificates come from. In a mesh that starts, the policy
 * component cannot be reached before its proxy has got one here, and everybody else would wait for the two.
 */
const certifierMs = 250;

/** What stands beside its proxy has no name to prove (see config/address.ts). */
const isBeside = (component: { readonly address: ControlAddress | undefined } | undefined): boolean =>
  component?.address !== undefined && component.address.serverName === undefined;

const isBesideMesh = ({ identity, policy }: ProxyConfig): boolean => isBeside(identity) || isBeside(policy);
