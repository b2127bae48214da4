import { refuse, whole } from './checks.ts';
import type { Filter } from './filter.ts';
import { type Backend, backendOf, type MeshService } from './mesh-service.ts';
import { renderFilters } from './rule-filters.ts';

/** One of the places where requests of a rule go. */
export interface RouteBackend {
  /** The Service, or the workload that has one. */
  readonly service: Backend;

  /**
   * Its part of the requests, in relation to the sum of all weights of the rule. With 0 it has none.
   *
   * @default 1
   */
  readonly weight?: number;

  /**
   * What is done with the requests that go there.
   *
   * @default - nothing
   */
  readonly filters?: Filter[];
}

/** Backends as they were given, with their Services. */
export interface NamedBackend extends RouteBackend {
  readonly to: MeshService;
}

/** Throws where one cannot be named, or all have no weight. */
export function namedBackends(backends: readonly RouteBackend[] = []): NamedBackend[] {
  if (backends.length > 16) refuse('backends', backends.length, 'must not be more than 16 for one rule');
  const known = backends.map((backend) => {
    whole('weight', backend.weight, 0, 1_000_000);
    return { ...backend, to: backendOf('service', backend.service) };
  });
  if (known.length > 0 && known.every(({ weight }) => weight === 0)) {
    refuse('weight', known.map(() => 0).join(', '), 'must be above 0 for one backend at least: these take no requests');
  }
  return known;
}

export const renderBackend = (
  { to, weight, filters = [] }: NamedBackend,
  route: { readonly protocol: 'http' | 'grpc'; readonly namespace: string },
  hasPrefixes: boolean,
): Readonly<Record<string, unknown>> => ({
  ...to._reference(route.namespace),
  ...(weight === undefined ? {} : { weight }),
  ...(filters.length === 0 ? {} : { filters: renderFilters(filters, route, hasPrefixes) }),
});
