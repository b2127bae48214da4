import { type Chart, Cron, Size } from 'cdk8s';
import { Probe, type Service } from 'cdk8s-plus-27';
import {
  AccessLog,
  InboundPolicy,
  Injection,
  MeshedCronJob,
  MeshedDaemonSet,
  MeshedDeployment,
  MeshedJob,
  MeshedStatefulSet,
  type MeshOptions,
  type ProxyOptions,
  PullPolicy,
  Statsd,
  StatsdTags,
  Tracing,
} from '../../lib/index.ts';
import type { Draw } from './draw.ts';

export const anyInboundPolicy = (draw: Draw): InboundPolicy =>
  draw.of([
    InboundPolicy.allUnauthenticated(),
    InboundPolicy.allAuthenticated(),
    InboundPolicy.clusterUnauthenticated(),
    InboundPolicy.clusterAuthenticated(),
    InboundPolicy.allTlsUnauthenticated(),
    InboundPolicy.clusterTlsUnauthenticated(),
    InboundPolicy.audit(),
    InboundPolicy.deny(),
  ]);

export const anyTracing = (draw: Draw): Tracing => {
  const options = {
    collector: `collector.tracing:${draw.port()}`,
    sampleRate: draw.maybe(() => draw.fraction(0, 1)),
    serviceName: draw.maybe(() => draw.name()),
  };
  return draw.of([
    () => Tracing.otlp(options),
    () => Tracing.otlpHttp(options),
    () => Tracing.zipkin(options),
    Tracing.off,
  ])();
};

export function anyProxy(draw: Draw): ProxyOptions {
  const [request, limit] = [draw.number(1, 500), draw.number(500, 2000)];
  return {
    imagePullPolicy: draw.maybe(() => draw.of([PullPolicy.always(), PullPolicy.ifNotPresent(), PullPolicy.never()])),
    userId: draw.maybe(() => draw.number(2000, 60_000)),
    cpuRequestMillis: draw.maybe(() => request),
    cpuLimitMillis: draw.maybe(() => limit),
    memoryRequest: draw.maybe(() => Size.mebibytes(draw.number(16, 64))),
    memoryLimit: draw.maybe(() => Size.mebibytes(draw.number(64, 512))),
    logJson: draw.maybe(() => draw.flag()),
    accessLog: draw.maybe(() => draw.of([AccessLog.json(), AccessLog.apache(), AccessLog.off()])),
    statsd: draw.maybe(() =>
      draw.of([Statsd.node(), Statsd.server('statsd.monitoring', draw.port(), StatsdTags.LIBRATO)]),
    ),
    tap: draw.maybe(() => draw.flag()),
    inboundConnectTimeout: draw.maybe(() => draw.millis()),
    outboundConnectTimeout: draw.maybe(() => draw.seconds()),
    shutdownGracePeriod: draw.maybe(() => draw.seconds()),
    ...draw.of([
      () => ({ nativeSidecar: true }),
      () => ({ awaitProxy: draw.flag(), waitBeforeExit: draw.maybe(() => draw.seconds(1, 30)) }),
    ])(),
  };
}

export const anyMesh = (draw: Draw): MeshOptions => ({
  injection: draw.maybe(() => draw.of([Injection.webhook(), Injection.static(), Injection.explicit()])),
  skipOutboundPorts: draw.maybe(() => draw.list(1, 3, () => draw.port())),
  skipSubnets: draw.maybe(() => draw.list(1, 2, () => draw.cidr())),
  inboundPolicy: draw.maybe(() => anyInboundPolicy(draw)),
  networkPolicy: draw.maybe(() => draw.flag()),
  tracing: draw.maybe(() => anyTracing(draw)),
  proxy: draw.maybe(() => anyProxy(draw)),
});

/** A workload, and the Service that leads to it. */
export interface Served {
  readonly workload: MeshedDeployment;
  readonly service: Service;
}

/** A workload that has a Service of its own, with the port 80. */
export function anyServed(draw: Draw, chart: Chart, name: string): Served {
  const probe = draw.maybe(() => Probe.fromHttpGet(draw.path()));
  const props = {
    metadata: { name },
    containers: [{ image: `shop/${name}:1`, portNumber: 8080, ...(probe && { liveness: probe }) }],
    mesh: anyMesh(draw),
  };
  const workload = new MeshedDeployment(chart, name, props);
  const service = workload.exposeViaService({ name, ports: [{ port: 80, targetPort: 8080 }] });
  return { workload, service };
}

/** One of the kinds that have no Service. */
export function anyUnserved(draw: Draw, chart: Chart, name: string): void {
  const props = {
    metadata: { name },
    containers: [{ image: `shop/${name}:1`, portNumber: 8080 }],
    mesh: anyMesh(draw),
  };
  draw.of([
    () => new MeshedDaemonSet(chart, name, props),
    () => new MeshedJob(chart, name, props),
    () => new MeshedCronJob(chart, name, { ...props, schedule: Cron.everyMinute() }),
    () => new MeshedStatefulSet(chart, name, props),
  ])();
}
