import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { MetadataSchema } from '../../../api/gen/meta_pb.js';
import type { BackendSchema } from '../../../api/gen/outbound_pb.js';
import type { BackendRef } from '../../../lib/kinds/route-object.ts';
import { addressToApi } from '../../destination/addresses.ts';
import type { FaultLookup } from '../routes/faults.ts';
import { type FilterInit, httpFilter } from '../routes/filters.ts';
import { UnsupportedRoute } from '../routes/matches.ts';
import { backendEgressNetwork, backendService, type NamingRoute } from '../routes/references.ts';
import { type ChoiceInit, type LoadInit, plainLoad } from './settings-to-api.ts';

export type BackendInit = MessageInitShape<typeof BackendSchema>;
export type MetadataInit = MessageInitShape<typeof MetadataSchema>;

const queue = { capacity: 100, failfastTimeout: durationFromMs(3000) };

/** All endpoints of a Service's port, balanced. `path` is what Destination.Get is asked for. */
export function serviceBackend(
  service: string,
  port: number,
  path: string,
  load: LoadInit,
  choice: ChoiceInit | undefined,
): BackendInit {
  return {
    metadata: serviceMetadata(service, port),
    queue,
    kind: { case: 'balancer', value: { discovery: { kind: { case: 'dst', value: { path } } }, load, choice } },
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
  /** How a Service says that its endpoints are chosen, whichever route leads to it. */
  choiceOf(key: string): ChoiceInit | undefined;
  hasEgressNetwork(key: string): boolean;
  readonly faults: FaultLookup;
  /** How many endpoints a port of a Service, `namespace/name`, has, ready or not. */
  endpoints(service: string, port: number): number;
  /** Whether a route may name a Service, `namespace/name`. */
  mayName(route: NamingRoute, service: string): boolean;
  /** The EgressNetwork that the routes hang on, and the address outside of the cluster that is called. */
  readonly egress?: EgressTarget;
}

export interface EgressTarget {
  /** `namespace/name`. */
  readonly network: string;
  readonly ip: string;
  readonly port: number;
}

/** Where the workload meant it to go. */
export function egressBackend({ network, ip, port }: EgressTarget): BackendInit {
  return forwardBackend(egressMetadata(network, port), ip, port);
}

export function egressMetadata(network: string, port: number): MetadataInit {
  const [namespace, name] = network.split('/');
  return {
    kind: { case: 'resource', value: { group: 'policy.linkerd.io', kind: 'EgressNetwork', name, namespace, port } },
  };
}

/** A backend that is not there, or may not be named, keeps its weight: its share of the requests fails. */
export function routeBackend(
  ref: BackendRef,
  route: NamingRoute,
  lookup: BackendLookup,
  load: LoadInit = plainLoad,
): RouteBackend {
  const { weight = 1 } = ref;
  const invalid = (failure: string): RouteBackend => ({
    weight,
    backend: { metadata: { kind: { case: 'default', value: 'invalid' } }, queue },
    filters: [],
    failure,
  });
  const backend = resolve(ref, route, lookup, load);
  if (typeof backend === 'string') return invalid(backend);
  try {
    return { weight, backend, filters: (ref.filters ?? []).map((filter) => httpFilter(filter)), failure: undefined };
  } catch (error) {
    if (error instanceof UnsupportedRoute) return invalid(`unsupported backend filter: ${error.message}`);
    throw error;
  }
}

/** The backend, or why there is none. */
function resolve(ref: BackendRef, route: NamingRoute, lookup: BackendLookup, load: LoadInit): BackendInit | string {
  const { port, name } = ref;
  const network = backendEgressNetwork(ref, route.namespace);
  if (network !== undefined) {
    if (!lookup.hasEgressNetwork(network)) return `EgressNetwork not found ${name}`;
    const { egress } = lookup;
    if (egress === undefined) return 'EgressNetwork backends attach to EgressNetwork parents only';
    if (egress.network !== network) {
      return 'Route with EgressNetwork backend needs to have the same EgressNetwork as a parent';
    }
    return egressBackend(egress);
  }
  const service = backendService(ref, route.namespace);
  if (service === undefined) return `unsupported backend type ${ref.group || 'core'} ${ref.kind}`;
  if (port === undefined || port < 1) return `missing port for backend Service ${name}`;
  if (!lookup.mayName(route, service)) return `no ReferenceGrant lets the route name Service ${service}`;
  if (!lookup.hasService(service)) return `Service not found ${name}`;
  const [backendNamespace, backendName] = service.split('/');
  const path = `${backendName}.${backendNamespace}.svc.${lookup.clusterDomain}:${port}`;
  return serviceBackend(service, port, path, load, lookup.choiceOf(service));
}
