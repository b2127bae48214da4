import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { ProxyProtocolSchema } from '../../../api/gen/outbound_pb.js';
import type { IndexedRoute } from '../index/route-index.ts';
import { opaqueRoute, tlsRoute } from './bytes-routes.ts';
import { egressGrpcRoute, egressHttpRoute, egressOpaqueRoute, egressTlsRoute } from './egress-routes.ts';
import {
  defaultHttpRoute,
  defaultOpaqueRoute,
  grpcRoute,
  type HttpRouteInit,
  httpRoute,
  type OpaqueRouteInit,
  type RouteContext,
} from './routes.ts';
import { type AccrualInit, accrualToApi } from './settings-to-api.ts';

export type ProtocolKind = NonNullable<MessageInitShape<typeof ProxyProtocolSchema>['kind']>;

interface HttpInit {
  readonly routes: HttpRouteInit[];
  readonly failureAccrual?: AccrualInit;
}

const detectTimeoutMs = 10_000;

/**
 * By the port's appProtocol, else by what kind of routes there is, else by looking at the first bytes. Behind the routes
 * of an EgressNetwork stands what its policy says of all that they do not speak of.
 */
export function protocolKind(
  protocol: string | undefined,
  routes: readonly IndexedRoute[],
  context: RouteContext,
): ProtocolKind {
  const { settings, egress } = context;
  const failureAccrual = accrualToApi(settings.accrual);
  const of = <T>(read: (route: IndexedRoute, context: RouteContext) => T | undefined): T[] =>
    routes.flatMap((route) => read(route, context) ?? []);
  const [grpc, written, tls, tcp] = [of(grpcRoute), of(httpRoute), of(tlsRoute), of(opaqueRoute)];
  const http: HttpInit = {
    routes:
      egress !== undefined
        ? [...written, egressHttpRoute(context, egress)]
        : written.length > 0
          ? written
          : [defaultHttpRoute('http', context)],
    failureAccrual,
  };
  const anyBytes =
    egress !== undefined ? egressOpaqueRoute(context, egress) : defaultOpaqueRoute('opaque', context.parent);
  // Nothing tells two connections apart, so only the oldest route has any.
  const opaque: OpaqueInit = { routes: [tcp[0] ?? anyBytes] };
  if (protocol === 'http') return { case: 'http1', value: http };
  if (protocol !== undefined && protocol !== 'kubernetes.io/h2c') return { case: 'opaque', value: opaque };
  if (grpc.length > 0) {
    const all = egress === undefined ? grpc : [...grpc, egressGrpcRoute(context, egress)];
    return { case: 'grpc', value: { routes: all, failureAccrual } };
  }
  if (protocol === 'kubernetes.io/h2c') return { case: 'http2', value: http };
  if (written.length > 0) return detect({ routes: [anyBytes] }, http);
  if (tls.length > 0) {
    return { case: 'tls', value: { routes: egress === undefined ? tls : [...tls, egressTlsRoute(context, egress)] } };
  }
  return tcp.length > 0 ? { case: 'opaque', value: opaque } : detect(opaque, http);
}

interface OpaqueInit {
  readonly routes: OpaqueRouteInit[];
}

export function detect(opaque: OpaqueInit, http: HttpInit): ProtocolKind {
  const timeout = durationFromMs(detectTimeoutMs);
  return { case: 'detect', value: { timeout, opaque, http1: http, http2: http } };
}
