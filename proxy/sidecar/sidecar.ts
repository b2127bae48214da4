import { OpenConnections } from '../accept/open-connections.ts';
import type { WriteBytes } from '../access-log/line-sink.ts';
import type { Clock } from '../clock.ts';
import type { ProxyConfig } from '../config.ts';
import { connectionsPage } from '../debug/connections.ts';
import { destinationsPage } from '../debug/destinations.ts';
import { written } from '../debug/page.ts';
import { routesPage } from '../debug/routes.ts';
import type { ExchangeSide } from '../exchange/exchange-side.ts';
import { KeptBytes } from '../exchange/request-body.ts';
import { TraceOverrides } from '../exchange/trace-overrides.ts';
import type { Applications } from '../inbound/application.ts';
import { Checks } from '../inbound/checks.ts';
import { InboundMetrics } from '../inbound/metrics.ts';
import { EventLoopTurn } from '../net/turn.ts';
import { OutboundMetrics } from '../outbound/metrics.ts';
import type { Targets } from '../outbound/targets.ts';
import type { PolicyStore } from '../policy/inbound/policy-store.ts';
import type { Statsd } from '../statsd/statsd.ts';
import type { TapReport } from '../tap/observer.ts';
import type { OtherTaps } from '../tap/service.ts';
import { readTapRequest, type Tapping, type Taps } from '../tap/taps.ts';
import type { Log } from '../telemetry/log.ts';
import { processMetrics } from '../telemetry/process-metrics.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import { TimerWheel } from '../timer-wheel.ts';
import { FieldTable } from '../wire/field-table.ts';
import { AccessLogWriter } from './access-log-writer.ts';
import { listenersOf } from './addresses.ts';
import { AdminServer } from './admin-server.ts';
import { ControlPlane } from './control-plane.ts';
import { policiesOf } from './followed.ts';
import { addGauges } from './gauges.ts';
import { inboundOf } from './inbound-side.ts';
import { Listeners } from './listeners.ts';
import { outboundOf, sendOwn } from './outbound-side.ts';
import { Readiness } from './readiness.ts';
import { Shares } from './shares.ts';
import { statsdOf } from './statsd.ts';
import { tapsOf } from './taps.ts';
import { terminateTlsBy } from './tls-termination.ts';
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
  private readonly open: OpenConnections;
  private readonly registry: MetricsRegistry;
  private readonly control: ControlPlane;
  private readonly policies: PolicyStore;
  private readonly readiness: Readiness;
  private readonly targets: Targets;
  private readonly applications: Applications;
  private readonly spans: Traces;
  private readonly taps: Taps;
  private readonly accessLog: AccessLogWriter;
  private readonly statsd: Statsd | undefined;
  private readonly listeners: Listeners;

  constructor(options: SidecarOptions) {
    this.options = options;
    this.open = new OpenConnections(options.clock, options.config.deadlines);
    const { config, clock, wallClockMs, log, version } = options;
    const turn = new EventLoopTurn();
    const fields = new FieldTable(Math.floor(clock.random() * 2 ** 32));
    this.registry = new MetricsRegistry(clock.nowMs, config.metricsRetainIdleMs);

    this.control = new ControlPlane({
      config,
      clock,
      wallClockMs,
      log,
      turn,
      fields,
      registry: this.registry,
      onIdentity: () => {
        this.readiness.identified();
        options.onReadyChanged();
      },
    });

    const { open, registry, control } = this;
    const policies = policiesOf(options, control);
    this.policies = policies;
    this.readiness = new Readiness(config, control, policies);
    const deadlines = new TimerWheel(clock);
    const outboundMetrics = new OutboundMetrics(registry, clock.nowMs, config.outbound.metricsByHostname);
    const inboundMetrics = new InboundMetrics(registry, clock.nowMs);
    const keptBytes = new KeptBytes();
    this.spans = tracesOf(config.tracing, { clock, log, turn, fields, registry, control, version });
    this.accessLog = new AccessLogWriter(config.accessLog, options.writeAccessLog, clock, registry);
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
    const shares = new Shares(registry, log, clock.nowMs, config.inbound.clients);
    const { clients, adminClients, peerLog } = shares;
    const terminateTls = terminateTlsBy(control, clients, clock, config.inbound.detectTimeoutMs);
    const parts = {
      ...{ config, clock, wallClockMs, log, peerLog, turn, fields, open, control, terminateTls },
      traces: new TraceOverrides(deadlines),
      listeners: listenersOf(config),
    };
    const { outbound, targets } = outboundOf({ ...parts, side: outboundSide, metrics: outboundMetrics });
    this.targets = targets;
    const checks = new Checks({
      side: outboundSide,
      sendTo: (authority, exchange) => sendOwn(targets, authority, exchange),
      wallClockMs,
    });
    const { inbound, applications, endUsers } = inboundOf({
      ...parts,
      side: inboundSide,
      metrics: inboundMetrics,
      policies,
      checks,
    });
    this.applications = applications;
    addGauges(registry, { open, deadlines, targets, policies, applications, endUsers, checks });
    this.statsd = statsdOf({ ...options, registry, scrape: () => this.scrape(false) });
    registry.collect(processMetrics(version, wallClockMs(), () => control.certificate));
    const admin = new AdminServer({
      ...{ config, clock, log, turn, fields, policies, terminateTls, clients: adminClients },
      ready: () => this.ready && (options.others?.ready ?? true),
      metrics: (withExemplars) => this.scrape(withExemplars),
      setLogFilter: (filter) => options.others?.setLogFilter(filter),
      environment: options.environment,
      debug: {
        connections: () => written('connections', connectionsPage(open, clock.nowMs())),
        destinations: () => written('destinations', destinationsPage(targets.values(), clock.nowMs())),
        routes: () => written('routes', routesPage(policies, targets.values())),
      },
      shutdown: options.onShutdownRequested,
    });
    const { taps, tapServer } = tapsOf({
      ...{ config, clock, turn, fields, registry, terminateTls, clients: adminClients },
      sides: [inboundSide, outboundSide],
      others: options.others,
    });
    this.taps = taps;
    this.listeners = new Listeners(config, options.processes, shares, {
      inbound: (connection) => {
        if (clients.admit(connection)) inbound.accept(connection);
        else connection.abort();
      },
      outbound: (connection) => outbound.accept(connection),
      admin: (connection) => admin.accept(connection),
      tap: (connection) => tapServer.accept(connection),
    });
  }

  /** It can prove who it is, and knows whom the workload's ports are for: see `Readiness`. */
  get ready(): boolean {
    return this.readiness.ready;
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
    this.listeners.start();
    this.statsd?.start();
    this.control.start();
    this.options.onReadyChanged();
    this.readiness.started();
  }

  /** Takes nothing new, lets what is under way finish, and calls `done` when it has. */
  shutdown(done: () => void): void {
    this.listeners.stopTraffic();
    this.open.drain(() => {
      this.listeners.stopAdmin();
      this.policies.close();
      this.targets.close();
      this.applications.drain();
      this.spans.shutdown(() => {
        this.control.close();
        this.accessLog.end(() => void (this.statsd?.close() ?? Promise.resolve()).then(done));
      });
    });
  }
}
