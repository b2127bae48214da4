import { tracingToApi } from '../routes/tracing.ts';
import type { TlsRouteInit } from './bytes-routes.ts';
import {
  defaultHttpRoute,
  defaultOpaqueRoute,
  type GrpcRouteInit,
  type HttpRouteInit,
  type OpaqueRouteInit,
  type RouteContext,
} from './routes.ts';
import { duration, grpcRetryToApi, hedgeToApi, timeoutsToApi } from './settings-to-api.ts';

/**
 * What an EgressNetwork's policy says of calls that none of its routes speaks of, for each protocol: `Allow` sends them on
 * to where they were meant for, `Deny` fails them (linkerd2 policy-controller/grpc/src/outbound, default_outbound_egress_route).
 */
export type TrafficPolicy = 'Allow' | 'Deny';

const message = 'traffic not allowed';
const httpForbidden = 403;
const grpcPermissionDenied = 7;
const nameOf = (protocol: string, policy: TrafficPolicy): string => `${protocol}-egress-${policy.toLowerCase()}`;

export function egressHttpRoute(context: RouteContext, policy: TrafficPolicy): HttpRouteInit {
  const route = defaultHttpRoute(nameOf('http', policy), context);
  if (policy === 'Allow') return route;
  const value = { status: httpForbidden, message };
  const filters = [{ kind: { case: 'failureInjector' as const, value } }];
  return { ...route, rules: route.rules.map((rule) => ({ ...rule, filters })) };
}

export function egressGrpcRoute({ parent, settings }: RouteContext, policy: TrafficPolicy): GrpcRouteInit {
  const failureInjector = { case: 'failureInjector' as const, value: { code: grpcPermissionDenied, message } };
  return {
    metadata: { kind: { case: 'default', value: nameOf('grpc', policy) } },
    tracing: tracingToApi(settings.traceSampleRate),
    rules: [
      {
        matches: [{ rpc: {} }],
        filters: policy === 'Allow' ? [] : [{ kind: failureInjector }],
        backends: { kind: { case: 'firstAvailable', value: { backends: [{ backend: parent }] } } },
        requestTimeout: duration(settings.timeouts.requestMs),
        timeouts: timeoutsToApi(settings.timeouts),
        retry: grpcRetryToApi(settings.grpcRetry),
        allowL5dRequestHeaders: settings.allowsRequestHeaders,
        hedge: hedgeToApi(settings.hedge),
      },
    ],
  };
}

export function egressTlsRoute(context: RouteContext, policy: TrafficPolicy): TlsRouteInit {
  return { ...bytes(context, 'tls', policy), snis: [] };
}

export function egressOpaqueRoute(context: RouteContext, policy: TrafficPolicy): OpaqueRouteInit {
  return bytes(context, 'tcp', policy);
}

function bytes({ parent }: RouteContext, protocol: 'tls' | 'tcp', policy: TrafficPolicy) {
  const filters = policy === 'Allow' ? [] : [{ kind: { case: 'forbidden' as const, value: {} } }];
  const { metadata, rules } = defaultOpaqueRoute(nameOf(protocol, policy), parent);
  return { metadata, rules: rules.map((rule) => ({ ...rule, filters })) };
}
