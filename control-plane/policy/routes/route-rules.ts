import { goDurationMs } from '../../../lib/contract/durations.ts';
import type { KubernetesObject } from '../../../lib/kinds/kubernetes-object.ts';
import type { BackendRef, GrpcRoute, HttpRoute, RouteRule } from '../../../lib/kinds/route-object.ts';
import { type TrafficSettings, trafficSettings } from '../traffic-settings.ts';
import { type FilterInit, routeFilter } from './filters.ts';
import {
  type GrpcMatchInit,
  grpcMatch,
  type HostMatchInit,
  type HttpMatchInit,
  hostMatch,
  httpMatch,
  UnsupportedRoute,
} from './matches.ts';

export interface Rule<Match> {
  /** Any of them; none fits every request. */
  readonly matches: readonly Match[];
  readonly filters: readonly FilterInit[];
  readonly backendRefs: readonly BackendRef[];
  /** Undefined for no limit. */
  readonly requestTimeoutMs: number | undefined;
  readonly backendTimeoutMs: number | undefined;
}

/** What a route says, read once for all that are told of it. */
export type RouteRules = {
  readonly hosts: readonly HostMatchInit[];
  readonly settings: TrafficSettings;
} & (
  | { readonly protocol: 'http'; readonly rules: readonly Rule<HttpMatchInit>[] }
  | { readonly protocol: 'grpc'; readonly rules: readonly Rule<GrpcMatchInit>[] }
);

/** Throws UnsupportedRoute. */
export function httpRouteRules(route: HttpRoute): RouteRules {
  // Those are the defaults of its definition, which manifests that never saw an API server lack.
  const { rules = [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }] } = route.spec;
  return {
    ...common(route, route.spec.hostnames),
    protocol: 'http',
    rules: rules.map((each) => rule(each, httpMatch)),
  };
}

/** Throws UnsupportedRoute. */
export function grpcRouteRules(route: GrpcRoute): RouteRules {
  const { rules = [{}] } = route.spec;
  return {
    ...common(route, route.spec.hostnames),
    protocol: 'grpc',
    rules: rules.map((each) => rule(each, grpcMatch)),
  };
}

function common({ metadata }: KubernetesObject, hostnames: readonly string[] = []) {
  const settings = trafficSettings(metadata.annotations, (annotation, value, must) => {
    throw new UnsupportedRoute(`the annotation ${annotation} (${value}) ${must}`);
  });
  return { hosts: hostnames.map(hostMatch), settings };
}

function rule<From, To>(source: RouteRule<From>, match: (from: From) => To): Rule<To> {
  return {
    matches: (source.matches ?? []).map(match),
    filters: (source.filters ?? []).map(routeFilter),
    backendRefs: source.backendRefs ?? [],
    requestTimeoutMs: timeout(source.timeouts?.request),
    backendTimeoutMs: timeout(source.timeouts?.backendRequest),
  };
}

/** 0 is no limit (GEP-1742). */
function timeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = goDurationMs.read(text);
  if (ms === undefined || ms < 0) throw new UnsupportedRoute(`the timeout ${text} is no duration`);
  return ms === 0 ? undefined : ms;
}
