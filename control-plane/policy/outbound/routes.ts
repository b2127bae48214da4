import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  GrpcRoute_FilterSchema,
  GrpcRouteSchema,
  HttpRoute_FilterSchema,
  HttpRouteSchema,
  OpaqueRouteSchema,
} from '../../../api/gen/outbound_pb.js';
import type { Timeouts, TrafficSettings } from '../../../lib/contract/traffic-settings.ts';
import type { BackendRef } from '../../../lib/kinds/route-object.ts';
import type { IndexedRoute } from '../index/route-index.ts';
import { grpcFaults, httpFaults } from '../routes/faults.ts';
import {
  type FilterInit,
  grpcFilterToApi,
  httpFilterToApi,
  isFault,
  isMirror,
  type MirrorInit,
} from '../routes/filters.ts';
import { backendService, type NamingRoute } from '../routes/references.ts';
import type { Rule } from '../routes/route-rules.ts';
import type { SessionInit } from '../routes/sessions.ts';
import { tracingToApi } from '../routes/tracing.ts';
import {
  type BackendInit,
  type BackendLookup,
  type MetadataInit,
  type RouteBackend,
  routeBackend,
} from './backends.ts';
import {
  type ChoiceInit,
  duration,
  grpcRetryToApi,
  hedgeToApi,
  httpRetryToApi,
  type LoadInit,
  timeoutsToApi,
} from './settings-to-api.ts';

export type HttpRouteInit = MessageInitShape<typeof HttpRouteSchema>;
export type GrpcRouteInit = MessageInitShape<typeof GrpcRouteSchema>;
export type OpaqueRouteInit = MessageInitShape<typeof OpaqueRouteSchema>;

/** What the routes of one parent have in common. */
export interface RouteContext {
  /** Where a rule without backends sends. */
  readonly parent: BackendInit;
  readonly load: LoadInit;
  /** Of the parent: they hold for a route that has none of its own. */
  readonly settings: TrafficSettings;
  readonly lookup: BackendLookup;
  /** What is done with calls that no route speaks of, where the parent is an EgressNetwork. */
  readonly egress?: 'Allow' | 'Deny';
}

/** The status that what goes to a missing backend fails with; Linkerd gives it to gRPC as well. */
const missingBackendStatus = 500;

const named = (name: string): MetadataInit => ({ kind: { case: 'default', value: name } });

/** For all requests, to the parent itself. */
export function defaultHttpRoute(name: string, { parent, settings }: RouteContext) {
  return {
    metadata: named(name),
    tracing: tracingToApi(settings.traceSampleRate),
    rules: [
      {
        matches: [{ path: { kind: { case: 'prefix', value: '/' } } }],
        backends: { kind: { case: 'firstAvailable', value: { backends: [{ backend: parent }] } } },
        requestTimeout: duration(settings.timeouts.requestMs),
        timeouts: timeoutsToApi(settings.timeouts),
        retry: httpRetryToApi(settings.httpRetry),
        allowL5dRequestHeaders: settings.allowsRequestHeaders,
        hedge: hedgeToApi(settings.hedge),
      },
    ],
  } satisfies HttpRouteInit;
}

export function defaultOpaqueRoute(name: string, backend: BackendInit) {
  return {
    metadata: named(name),
    rules: [{ backends: { kind: { case: 'firstAvailable', value: { backends: [{ backend }] } } } }],
  } satisfies OpaqueRouteInit;
}

/** Refuses all that goes to a port that the Service does not have. */
export const undefinedPortRoute: OpaqueRouteInit = {
  metadata: named('undefined-port'),
  rules: [
    {
      backends: { kind: { case: 'empty', value: {} } },
      filters: [{ kind: { case: 'forbidden', value: {} } }],
    },
  ],
};

/** Undefined for a route of another protocol. */
export function httpRoute(route: IndexedRoute, context: RouteContext): HttpRouteInit | undefined {
  const { rules } = route;
  if (rules?.protocol !== 'http') return undefined;
  const ofRoute = rules.settings.httpRetry ?? context.settings.httpRetry;
  const hedge = hedgeToApi(rules.settings.hedge ?? context.settings.hedge);
  return {
    metadata: routeMetadata(route),
    hosts: [...rules.hosts],
    tracing: tracingToApi(rules.settings.traceSampleRate ?? context.settings.traceSampleRate),
    rules: rules.rules.map((rule) => {
      const timeouts = timeoutsOf(rule, rules.settings, context);
      return {
        matches: [...rule.matches],
        filters: rule.filters.flatMap((filter) => httpFilter(filter, route, context)),
        backends: { kind: distribution(rule, rules.settings, route, context, httpBackendFilters) },
        requestTimeout: duration(timeouts.requestMs),
        timeouts: timeoutsToApi(timeouts),
        retry: httpRetryToApi(rule.retry ?? ofRoute),
        allowL5dRequestHeaders: context.settings.allowsRequestHeaders,
        hedge,
      };
    }),
  };
}

export function grpcRoute(route: IndexedRoute, context: RouteContext): GrpcRouteInit | undefined {
  const { rules } = route;
  if (rules?.protocol !== 'grpc') return undefined;
  const retry = grpcRetryToApi(rules.settings.grpcRetry ?? context.settings.grpcRetry);
  const hedge = hedgeToApi(rules.settings.hedge ?? context.settings.hedge);
  return {
    metadata: routeMetadata(route),
    hosts: [...rules.hosts],
    tracing: tracingToApi(rules.settings.traceSampleRate ?? context.settings.traceSampleRate),
    rules: rules.rules.map((rule) => {
      const timeouts = timeoutsOf(rule, rules.settings, context);
      return {
        matches: [...rule.matches],
        filters: rule.filters.flatMap((filter) => grpcFilter(filter, route, context)),
        backends: { kind: distribution(rule, rules.settings, route, context, grpcBackendFilters) },
        requestTimeout: duration(timeouts.requestMs),
        timeouts: timeoutsToApi(timeouts),
        retry,
        allowL5dRequestHeaders: context.settings.allowsRequestHeaders,
        hedge,
      };
    }),
  };
}

/** Timeouts of the route's annotations, else of the parent's; those of the rule fill in for the whole request. */
function timeoutsOf(rule: Rule<unknown>, { timeouts }: TrafficSettings, { settings }: RouteContext): Timeouts {
  const own = { ...timeouts, requestMs: timeouts.requestMs ?? rule.requestTimeoutMs };
  return Object.values(own).some((ms) => ms !== undefined) ? own : settings.timeouts;
}

/** Over the backends of a rule, by weight or by preference, else all to the parent. */
function distribution<Filter>(
  rule: Rule<unknown>,
  { failover }: TrafficSettings,
  route: NamingRoute,
  context: RouteContext,
  filtersOf: (backend: RouteBackend, route: NamingRoute, context: RouteContext) => Filter[],
) {
  const { parent, load, lookup } = context;
  const requestTimeout = duration(rule.backendTimeoutMs);
  if (rule.backendRefs.length === 0) {
    const backend = withSession(parent, rule.session);
    return { case: 'firstAvailable' as const, value: { backends: [{ backend, requestTimeout }] } };
  }
  const weighted = (ref: BackendRef) => {
    const found = routeBackend(ref, route, lookup, load);
    const { weight } = found;
    const backend = withSession(found.backend, rule.session);
    return { weight, backend: { backend, filters: filtersOf(found, route, context), requestTimeout } };
  };
  const preferred = rule.backendRefs.filter(({ weight = 1 }) => weight > 0);
  if (failover === undefined || preferred.length === 0) {
    return { case: 'randomAvailable' as const, value: { backends: rule.backendRefs.map(weighted) } };
  }
  const { minReady } = failover;
  const endpoints = minReady === undefined ? [] : preferred.map((ref) => endpointsOf(ref, route, lookup));
  return {
    case: 'firstAvailable' as const,
    value: { backends: preferred.map((ref) => weighted(ref).backend), failover: { minReady, endpoints } },
  };
}

/** What a rule says of sessions stands before what a Service says of keys. */
function withSession(backend: BackendInit, session: SessionInit | undefined): BackendInit {
  const { kind } = backend;
  if (session === undefined || kind?.case !== 'balancer') return backend;
  const choice = { ...(kind.value.choice as ChoiceInit | undefined), affinity: session };
  return { ...backend, kind: { case: 'balancer', value: { ...kind.value, choice } } } as BackendInit;
}

/** 0 for a backend that is none, or may not be named. */
function endpointsOf(ref: BackendRef, route: NamingRoute, lookup: BackendLookup): number {
  const service = backendService(ref, route.namespace);
  if (service === undefined || ref.port === undefined || !lookup.mayName(route, service)) return 0;
  return lookup.endpoints(service, ref.port);
}

type HttpFilters = MessageInitShape<typeof HttpRoute_FilterSchema>[];
type GrpcFilters = MessageInitShape<typeof GrpcRoute_FilterSchema>[];

const httpFilter = (filter: FilterInit, route: NamingRoute, context: RouteContext): HttpFilters =>
  isMirror(filter)
    ? mirror(filter, route, context)
    : isFault(filter)
      ? httpFaults(`${route.namespace}/${filter.name}`, context.lookup.faults)
      : [httpFilterToApi(filter)];

const grpcFilter = (filter: FilterInit, route: NamingRoute, context: RouteContext): GrpcFilters =>
  isMirror(filter)
    ? mirror(filter, route, context)
    : isFault(filter)
      ? grpcFaults(`${route.namespace}/${filter.name}`, context.lookup.faults)
      : [grpcFilterToApi(filter)];

/** None where its backend is not there, or may not be named: requests go on without, and the route's status says so. */
function mirror({ backendRef, ratio }: MirrorInit, route: NamingRoute, { load, lookup }: RouteContext) {
  const { backend, failure } = routeBackend(backendRef, route, lookup, load);
  return failure === undefined ? [{ kind: { case: 'requestMirror' as const, value: { backend, ratio } } }] : [];
}

function httpBackendFilters(
  { filters, failure }: RouteBackend,
  route: NamingRoute,
  context: RouteContext,
): HttpFilters {
  const kinds = filters.flatMap((filter) => httpFilter(filter, route, context));
  if (failure === undefined) return kinds;
  const value = { status: missingBackendStatus, message: failure };
  return [...kinds, { kind: { case: 'failureInjector' as const, value } }];
}

function grpcBackendFilters(
  { filters, failure }: RouteBackend,
  route: NamingRoute,
  context: RouteContext,
): GrpcFilters {
  const kinds = filters.flatMap((filter) => grpcFilter(filter, route, context));
  if (failure === undefined) return kinds;
  const value = { code: missingBackendStatus, message: failure };
  return [...kinds, { kind: { case: 'failureInjector' as const, value } }];
}

export function routeMetadata({ group, kind, namespace, object }: IndexedRoute): MetadataInit {
  return { kind: { case: 'resource', value: { group, kind, namespace, name: object.metadata.name } } };
}
