import type { MessageInitShape } from '@bufbuild/protobuf';
import { HttpMethod_Registered } from '../../../api/gen/http_types_pb.js';
import type {
  GrpcRoute_FilterSchema,
  GrpcRouteSchema,
  HttpRoute_FilterSchema,
  HttpRouteSchema,
} from '../../../api/gen/inbound_pb.js';
import type { Pod } from '../../../lib/kinds/pod.ts';
import type { IndexedRoute } from '../index/route-index.ts';
import { type FaultLookup, grpcFaults, httpFaults } from '../routes/faults.ts';
import {
  type FilterInit,
  grpcFilterToApi,
  httpFilterToApi,
  isFault,
  isMirror,
  type MirrorInit,
} from '../routes/filters.ts';
import { tracingToApi } from '../routes/tracing.ts';
import { type AuthzInit, defaultAuthorization, everywhere, permitAll } from './authorizations.ts';
import type { ExternalAuthorizationInit } from './external-authorizations.ts';
import { probePaths } from './probes.ts';
import type { RequestAuthenticationInit } from './request-authentications.ts';

export type HttpRouteInit = MessageInitShape<typeof HttpRouteSchema>;
export type GrpcRouteInit = MessageInitShape<typeof GrpcRouteSchema>;

/** Who may send a route's requests: workloads, and their end users; and who is asked about them. */
export interface RouteClients {
  readonly authorizations: AuthzInit[];
  readonly requestAuthentications: RequestAuthenticationInit[];
  readonly externalAuthorization: ExternalAuthorizationInit | undefined;
}

/** Where no route is written: one for everything, and one for the kubelet's probes, which come without an identity. */
export function defaultHttpRoutes(pod: Pod, port: number): HttpRouteInit[] {
  const all: HttpRouteInit = {
    metadata: { kind: { case: 'default', value: 'default' } },
    rules: [{ matches: [{ path: { kind: { case: 'prefix', value: '/' } } }] }],
  };
  const paths = probePaths(pod, port);
  if (paths.length === 0) return [all];
  const get = { type: { case: 'registered' as const, value: HttpMethod_Registered.GET } };
  const matches = paths.map((path) => ({ path: { kind: { case: 'exact' as const, value: path } }, method: get }));
  const probe: HttpRouteInit = {
    metadata: { kind: { case: 'default', value: 'probe' } },
    authorizations: [defaultAuthorization('probe', everywhere, permitAll)],
    rules: [{ matches }],
  };
  return [all, probe];
}

export const defaultGrpcRoutes: readonly GrpcRouteInit[] = [
  { metadata: { kind: { case: 'default', value: 'default' } }, rules: [{ matches: [{ rpc: {} }] }] },
];

/** Undefined for a route of another protocol. */
export function httpRoute(route: IndexedRoute, clients: RouteClients, faults: FaultLookup): HttpRouteInit | undefined {
  const { rules } = route;
  if (rules?.protocol !== 'http') return undefined;
  return {
    metadata: metadata(route),
    hosts: [...rules.hosts],
    tracing: tracingToApi(rules.settings.traceSampleRate),
    ...clients,
    rules: rules.rules.map(({ matches, filters }) => ({
      matches: [...matches],
      filters: filters.filter(isApplied).flatMap((filter) => httpFilter(filter, route, faults)),
    })),
  };
}

export function grpcRoute(route: IndexedRoute, clients: RouteClients, faults: FaultLookup): GrpcRouteInit | undefined {
  const { rules } = route;
  if (rules?.protocol !== 'grpc') return undefined;
  return {
    metadata: metadata(route),
    hosts: [...rules.hosts],
    tracing: tracingToApi(rules.settings.traceSampleRate),
    ...clients,
    rules: rules.rules.map(({ matches, filters }) => ({
      matches: [...matches],
      filters: filters.filter(isApplied).flatMap((filter) => grpcFilter(filter, route, faults)),
    })),
  };
}

type HttpFilters = MessageInitShape<typeof HttpRoute_FilterSchema>[];
type GrpcFilters = MessageInitShape<typeof GrpcRoute_FilterSchema>[];

const httpFilter = (filter: AppliedFilter, { namespace }: IndexedRoute, faults: FaultLookup): HttpFilters =>
  isFault(filter) ? httpFaults(`${namespace}/${filter.name}`, faults) : [httpFilterToApi(filter)];

const grpcFilter = (filter: AppliedFilter, { namespace }: IndexedRoute, faults: FaultLookup): GrpcFilters =>
  isFault(filter) ? grpcFaults(`${namespace}/${filter.name}`, faults) : [grpcFilterToApi(filter)];

type AppliedFilter = Exclude<FilterInit, MirrorInit>;

/** Copies are made where requests are sent: the route's status says so. */
const isApplied = (filter: FilterInit): filter is AppliedFilter => !isMirror(filter);

function metadata({ group, kind, object }: IndexedRoute): HttpRouteInit['metadata'] {
  return { kind: { case: 'resource', value: { group, kind, name: object.metadata.name } } };
}
