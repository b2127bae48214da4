import type { Chart } from 'cdk8s';
import {
  BackendOrder,
  BlueGreen,
  Canary,
  CanaryStep,
  Failover,
  FaultAbort,
  FaultInjection,
  Filter,
  GrpcRoute,
  HttpRoute,
  Match,
  type MeshedDeployment,
  Mirror,
  MirrorShare,
  PathRewrite,
  RequestCondition,
  RetryOn,
  type RouteBackend,
  RouteProtocol,
  RouteVersion,
  ServiceProfile,
  Staging,
  TcpRoute,
  TlsRoute,
  type TrafficSettings,
  TrafficSplit,
} from '../../lib/index.ts';
import type { Draw } from './draw.ts';

type Protocol = 'http' | 'grpc';

export const anySettings = (draw: Draw, protocol: Protocol): TrafficSettings => ({
  retries: draw.maybe(() => ({
    on: draw.of(
      protocol === 'http'
        ? [RetryOn.serverError(), RetryOn.gatewayError(), RetryOn.status(503), RetryOn.statusRange(500, 504)]
        : [RetryOn.grpc('unavailable', 'internal')],
    ),
    limit: draw.maybe(() => draw.number(1, 5)),
    timeout: draw.maybe(() => draw.millis(1, 1000)),
  })),
  // An idle time that is longer than the whole request is refused: drawn with others it was a fifth of all apps.
  timeouts: draw.maybe(() => ({ request: draw.millis(5000, 10_000), idle: draw.maybe(() => draw.seconds(1, 5)) })),
});

export function anyMatch(draw: Draw, protocol: Protocol, prefixOnly = false): Match {
  let match = Match.any();
  if (protocol === 'grpc') {
    if (draw.flag())
      match = match.grpcMethod(
        `shop.v1.${draw.text(/^[A-Z][a-z]{1,8}$/)}`,
        draw.maybe(() => 'Get'),
      );
  } else {
    const path = draw.of(prefixOnly ? [0] : [0, 1, 2, 3]);
    if (path === 0) match = match.pathPrefix(draw.path());
    if (path === 1) match = match.path(draw.path());
    if (path === 2) match = match.pathRegex(`${draw.path()}/[0-9]+`);
    if (draw.flag()) match = match.method(draw.of(['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const));
    if (draw.flag()) match = match.query(draw.name(), draw.name());
  }
  if (draw.flag()) match = match.header(draw.headerName(), draw.headerValue());
  if (draw.flag()) match = match.headerRegex('x-version', `v[${draw.number(0, 9)}]+`);
  return match;
}

function anyFilters(draw: Draw, protocol: Protocol, { chart, next }: Traffic): Filter[] {
  const filters = [
    draw.maybe(() => Filter.setRequestHeaders(draw.headers())),
    draw.maybe(() => Filter.addResponseHeaders(draw.headers())),
    draw.maybe(() => Filter.removeRequestHeaders(draw.headerName())),
    draw.maybe(() =>
      Filter.mirror(
        next,
        draw.maybe(() => anyShare(draw)),
      ),
    ),
    draw.maybe(() => Filter.fault(anyFault(draw, chart, protocol))),
  ];
  if (protocol === 'http') {
    filters.push(
      draw.of([
        undefined,
        () => Filter.rewrite({ hostname: draw.host(), path: draw.maybe(() => PathRewrite.full(draw.path())) }),
        () => Filter.rewrite({ path: PathRewrite.prefix(draw.path()) }),
      ])?.(),
      draw.maybe(() =>
        Filter.cors({
          allowOrigins: draw.of([['*'], [`https://${draw.host()}`]]),
          allowMethods: draw.maybe(() => ['GET', 'POST']),
          allowHeaders: draw.maybe(() => [draw.headerName()]),
          maxAge: draw.maybe(() => draw.seconds()),
        }),
      ),
    );
  }
  return filters.filter((filter) => filter !== undefined);
}

const anyShare = (draw: Draw): MirrorShare =>
  draw.of([
    () => MirrorShare.all(),
    () => MirrorShare.percent(draw.number(0, 100)),
    () => MirrorShare.fraction(draw.number(0, 10), draw.number(10, 1000)),
  ])();

export function anyFault(draw: Draw, chart: Chart, protocol: Protocol): FaultInjection {
  const delay = draw.maybe(() => draw.millis(1, 60_000));
  const hasAbort = delay === undefined || draw.flag();
  return new FaultInjection(chart, `fault-${chart.node.children.length}`, {
    delay,
    delayPercent: delay && draw.maybe(() => draw.fraction(0, 100)),
    abort: hasAbort
      ? protocol === 'http'
        ? FaultAbort.http(draw.number(400, 599))
        : FaultAbort.grpc(draw.of(['UNAVAILABLE', 'INTERNAL'] as const))
      : undefined,
    abortPercent: hasAbort ? draw.maybe(() => draw.number(0, 100)) : undefined,
  });
}

/** What traffic of an app is made of: each service is parent of one route at most, so that none takes another's requests. */
export interface Traffic {
  readonly chart: Chart;
  readonly service: MeshedDeployment;
  readonly next: MeshedDeployment;
}

const anyBackends = (draw: Draw, { service, next }: Traffic): RouteBackend[] => [
  { service, weight: draw.number(1, 1_000_000) },
  { service: next, weight: draw.number(0, 1_000_000) },
];

/** A route, or a pattern over one. */
export function anyRoute(draw: Draw, id: string, traffic: Traffic): void {
  const { chart, service, next } = traffic;
  const protocol = draw.of(['http', 'grpc'] as const);
  const settings = anySettings(draw, protocol);
  const pattern = { protocol: protocol === 'http' ? RouteProtocol.http() : RouteProtocol.grpc(), ...settings };
  const matches = () => draw.list(1, 2, () => anyMatch(draw, protocol));
  draw.of([
    () => {
      const [rules, hostnames] = [[anyRule(draw, protocol, traffic)], draw.maybe(() => [draw.host()])];
      const order = draw.maybe(() => BackendOrder.byWeight());
      if (protocol === 'grpc')
        return new GrpcRoute(chart, id, { parent: service, rules, hostnames, order, ...settings });
      const timeouts = draw.maybe(() => ({ request: draw.millis(500, 9000), backendRequest: draw.millis(1, 500) }));
      const timed = rules.map((rule) => ({ ...rule, timeouts }));
      return new HttpRoute(chart, id, { parent: service, rules: timed, hostnames, order, ...settings });
    },
    () => new Canary(chart, id, { primary: service, canary: next, weight: draw.number(0, 100), ...pattern }),
    () => {
      const steps = [CanaryStep.matching(...matches()), CanaryStep.weight(draw.number(0, 100)), CanaryStep.weight(100)];
      return new Canary(chart, id, { primary: service, canary: next, steps, step: draw.number(0, 2), ...pattern });
    },
    () => new BlueGreen(chart, id, { blue: service, green: next, active: draw.of(['blue', 'green']), ...pattern }),
    () =>
      new Failover(chart, id, {
        ...{ service, backends: [service, next], ...pattern },
        below: draw.maybe(() => draw.number(1, 100)),
      }),
    () => new Mirror(chart, id, { service, to: next, share: draw.maybe(() => anyShare(draw)), ...pattern }),
    () =>
      new Staging(chart, id, {
        ...{ stable: service, next, matches: [Match.header('x-stage', draw.headerValue())], ...pattern },
        override: protocol === 'http' ? draw.maybe(() => draw.flag()) : undefined,
      }),
    () =>
      new TrafficSplit(chart, id, {
        ...{ service, backends: anyBackends(draw, traffic), ...pattern },
        matches: draw.maybe(matches),
      }),
  ])();
}

/** What a Service has in place of routes of requests: one of connections, or a profile. */
export function anyOther(draw: Draw, id: string, traffic: Traffic): void {
  const { chart, service, next } = traffic;
  const backends = () => draw.maybe(() => anyBackends(draw, traffic));
  draw.of([
    () => new TcpRoute(chart, id, { parent: service, backends: backends() }),
    () =>
      new TlsRoute(chart, id, {
        ...{ parent: service, backends: backends(), version: RouteVersion.v1() },
        hostnames: draw.list(1, 3, (index) => `${draw.name()}.${index}.example`),
      }),
    () =>
      new ServiceProfile(chart, id, {
        service,
        routes: draw.list(1, 3, (index) => ({
          name: `route-${index}`,
          condition: RequestCondition.of(draw.of(['GET', 'POST']), `${draw.path()}/[0-9]+`),
        })),
        retryBudget: draw.maybe(() => ({ retryRatio: draw.fraction(0, 2), ttl: draw.millis(100, 600_000) })),
        dstOverrides: draw.maybe(() => [{ service: next, weight: draw.number(1, 400_000) }]),
      }),
  ])();
}

function anyRule(draw: Draw, protocol: Protocol, traffic: Traffic) {
  return {
    matches: draw.maybe(() => draw.list(1, 2, () => anyMatch(draw, protocol, true))),
    filters: draw.maybe(() => anyFilters(draw, protocol, traffic)),
    backends: draw.maybe(() => anyBackends(draw, traffic)),
  };
}
