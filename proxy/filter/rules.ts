import type { GrpcRouteMatch } from '../../api/gen/grpc_route_pb.js';
import type { HttpRouteMatch } from '../../api/gen/http_route_pb.js';
import { decodeUnreserved } from '../route/path-readings.ts';
import type { Filters } from './filter.ts';
import { type ApiFilter, filtersFromApi, needPrefix } from './from-api.ts';

interface Rule<Match> {
  /** None fits every request. */
  readonly matches: readonly Match[];
  readonly filters: readonly ApiFilter[];
}

/** Rules, or parts of one, whose requests go through the same filters. */
export interface FilteredRules<Match> {
  readonly rules: readonly { readonly matches: readonly Match[] }[];
  readonly filters: Filters | undefined;
}

/**
 * The rules of a route by what their filters are: all together when there are none, else each for itself, and in a part
 * for each match where a filter replaces the prefix of that. `onUnread` is told what cannot hold.
 */
export function filteredRules<Match extends HttpRouteMatch | GrpcRouteMatch>(
  rules: readonly Rule<Match>[],
  onUnread: (why: string) => void,
): FilteredRules<Match>[] {
  if (rules.every(({ filters }) => filters.length === 0)) return [{ rules, filters: undefined }];
  return rules.flatMap((rule) => partsOf(rule, onUnread));
}

function partsOf<Match extends HttpRouteMatch | GrpcRouteMatch>(
  rule: Rule<Match>,
  onUnread: (why: string) => void,
): FilteredRules<Match>[] {
  const { matches, filters } = rule;
  if (matches.length === 0 || !needPrefix(filters)) {
    return [{ rules: [rule], filters: filtersFromApi(filters, matches.length === 0 ? '' : undefined, onUnread) }];
  }
  const told = new Set<string>();
  const once = (why: string): void => {
    if (!told.has(why)) onUnread(why);
    told.add(why);
  };
  return matches.map((match) => ({
    rules: [{ matches: [match] }],
    filters: filtersFromApi(filters, prefixOf(match), once),
  }));
}

/** The path prefix that a match has, `''` for that of every path; undefined without one. */
function prefixOf(match: HttpRouteMatch | GrpcRouteMatch): string | undefined {
  if (!('path' in match) || match.path === undefined) return '';
  const { kind } = match.path;
  return kind.case === 'prefix' ? decodeUnreserved(kind.value) : undefined;
}
