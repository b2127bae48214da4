import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { MetadataSchema } from '../../../api/gen/meta_pb.js';
import type { BackendSchema } from '../../../api/gen/outbound_pb.js';
import type { BackendRef } from '../../../lib/kinds/route-object.ts';
import { addressToApi } from '../../destination/addresses.ts';
import { type FilterInit, httpFilter } from '../routes/filters.ts';
import { UnsupportedRoute } from '../routes/matches.ts';
import { backendService, type NamingRoute } from '../routes/references.ts';
import { type LoadInit, plainLoad } from './settings-to-api.ts';

export type BackendInit = MessageInitShape<typeof BackendSchema>;
export type MetadataInit = MessageInitShape<typeof MetadataSchema>;

const queue = { capacity: 100, failfastTimeout: durationFromMs(3000) };

/** All endpoints of a Service's port, balanced. `path` is what Destination.Get is asked for. */
export function serviceBackend(service: string, port: number, path: string, load: LoadInit): BackendInit {
  return {
    metadata: serviceMetadata(service, port),
    queue,
    kind: { case: 'balancer', value: { discovery: { kind: { case: 'dst', value: { path } } }, load } },
  };
}

/** One address, as the workload named it. */
export function forwardBackend(metadata: MetadataInit, ip: string, port: number): BackendInit {
  return { metadata, queue, kind: { case: 'forward', value: { addr: addressToApi(ip, port), weight: 1 } } };
}

export function serviceMetadata(service: string, port: number): MetadataInit {
  const [namespace, name] = service.split('/');
  return { kind: { case: 'resource', value: { group: 'core', kind: 'Service', name, namespace, port } } };
}

/** One of the backends that a route names. */
export interface RouteBackend {
  readonly weight: number;
  readonly backend: BackendInit;
  readonly filters: readonly FilterInit[];
  /** Set when there is no such backend: what goes there fails with this message. */
  readonly failure: string | undefined;
}

export interface BackendLookup {
  readonly clusterDomain: string;
  hasService(key: string): boolean;
  /** Whether a route may name a Service, `namespace/name`. */
  mayName(route: NamingRoute, service: string): boolean;
}

/** A backend that is not there, or may not be named, keeps its weight: its share of the requests fails. */
export function routeBackend(
  ref: BackendRef,
  route: NamingRoute,
  lookup: BackendLookup,
  load: LoadInit = plainLoad,
): RouteBackend {
  const { weight = 1, port } = ref;
  const invalid = (failure: string): RouteBackend => ({
    weight,
    backend: { metadata: { kind: { case: 'default', value: 'invalid' } }, queue },
    filters: [],
    failure,
  });
  const service = backendService(ref, route.namespace);
  if (service === undefined) return invalid(`unsupported backend type ${ref.group || 'core'} ${ref.kind}`);
  if (port === undefined || port < 1) return invalid(`missing port for backend Service ${ref.name}`);
  if (!lookup.mayName(route, service)) return invalid(`no ReferenceGrant lets the route name Service ${service}`);
  if (!lookup.hasService(service)) return invalid(`Service not found ${ref.name}`);
  let filters: readonly FilterInit[];
  try {
    filters = (ref.filters ?? []).map((filter) => httpFilter(filter));
  } catch (error) {
    if (error instanceof UnsupportedRoute) return invalid(`unsupported backend filter: ${error.message}`);
    throw error;
  }
  const [backendNamespace, name] = service.split('/');
  const path = `${name}.${backendNamespace}.svc.${lookup.clusterDomain}:${port}`;
  return { weight, backend: serviceBackend(service, port, path, load), filters, failure: undefined };
}
