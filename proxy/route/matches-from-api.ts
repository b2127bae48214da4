import type { GrpcRouteMatch } from '../../api/gen/grpc_route_pb.js';
import type {
  HostMatch as ApiHost,
  HeaderMatch,
  HttpRouteMatch,
  QueryParamMatch,
} from '../../api/gen/http_route_pb.js';
import { type HttpMethod, HttpMethod_Registered } from '../../api/gen/http_types_pb.js';
import { latin1 } from '../wire/latin1.ts';
import type { HostMatch, NamedMatch, PathMatch, RequestMatch } from './route-table.ts';

/** A match that cannot be told here (by a pattern of another dialect, or of a kind that is not known) matches nothing: it must not match all. */
export class UnknownMatch extends Error {}

const everything: RequestMatch = { path: undefined, method: undefined, headers: [], queryParams: [] };

/** Of all rules of a route. A rule without matches fits every request. */
export function httpMatchesFromApi(rules: readonly { readonly matches: readonly HttpRouteMatch[] }[]): RequestMatch[] {
  return rules.flatMap(({ matches }) => (matches.length === 0 ? [everything] : matches.flatMap(known(httpMatch))));
}

/** gRPC calls are requests to `/service/method`. */
export function grpcMatchesFromApi(rules: readonly { readonly matches: readonly GrpcRouteMatch[] }[]): RequestMatch[] {
  return rules.flatMap(({ matches }) => (matches.length === 0 ? [everything] : matches.flatMap(known(grpcMatch))));
}

/** A host that is not understood is kept as one that no request has: without any, every host would fit. */
export function hostsFromApi(hosts: readonly ApiHost[]): HostMatch[] {
  return hosts.map(({ match }) => {
    if (match.case === 'suffix') {
      return { kind: 'suffix', value: `.${[...match.value.reverseLabels].reverse().join('.')}`.toLowerCase() };
    }
    return { kind: 'exact', value: match.case === 'exact' ? match.value.toLowerCase().replace(/\.$/, '') : ' ' };
  });
}

function known<From>(read: (from: From) => RequestMatch): (from: From) => RequestMatch[] {
  return (from) => {
    try {
      return [read(from)];
    } catch (error) {
      if (error instanceof UnknownMatch) return [];
      throw error;
    }
  };
}

function httpMatch(match: HttpRouteMatch): RequestMatch {
  return {
    path: match.path === undefined ? undefined : pathMatch(match.path.kind),
    method: methodFromApi(match.method),
    headers: match.headers.map(headerMatch),
    queryParams: match.queryParams.map(queryMatch),
  };
}

function grpcMatch({ rpc, headers }: GrpcRouteMatch): RequestMatch {
  const { service = '', method = '' } = rpc ?? {};
  const path: PathMatch | undefined =
    service !== '' && method !== ''
      ? { kind: 'exact', value: `/${service}/${method}` }
      : service !== ''
        ? { kind: 'prefix', value: `/${service}` }
        : method !== ''
          ? { kind: 'regex', value: new RegExp(`^/[^/]+/${escaped(method)}$`) }
          : undefined;
  return { path, method: undefined, headers: headers.map(headerMatch), queryParams: [] };
}

function pathMatch(kind: NonNullable<HttpRouteMatch['path']>['kind']): PathMatch {
  switch (kind.case) {
    case 'exact':
      return { kind: 'exact', value: withoutQuery(kind.value) };
    case 'prefix':
      return { kind: 'prefix', value: withoutQuery(kind.value).replace(/\/+$/, '') };
    case 'regex':
      return { kind: 'regex', value: pattern(kind.value) };
    default:
      throw new UnknownMatch();
  }
}

/** No path has a question mark: the query begins there. */
function withoutQuery(path: string): string {
  if (path.includes('?')) throw new UnknownMatch();
  return path;
}

function headerMatch({ name, value }: HeaderMatch): NamedMatch {
  if (value.case === undefined) throw new UnknownMatch();
  // Field values are latin-1 everywhere here.
  const expected = value.case === 'exact' ? latin1(value.value, 0, value.value.length) : pattern(value.value);
  return { name: name.toLowerCase(), value: expected };
}

function queryMatch({ name, value }: QueryParamMatch): NamedMatch {
  if (value.case === undefined) throw new UnknownMatch();
  return { name, value: value.case === 'exact' ? value.value : pattern(value.value) };
}

/** Matches the whole of a value. Flags may lead it, as Rust writes them: `(?i)abc`. Throws UnknownMatch. */
export function pattern(text: string): RegExp {
  const scoped = text.replace(/^\(\?([ims]+)\)(.*)$/s, '(?$1:$2)');
  try {
    return new RegExp(`^(?:${scoped})$`);
  } catch {
    throw new UnknownMatch();
  }
}

/** Throws UnknownMatch. */
export function methodFromApi(method: HttpMethod | undefined): string | undefined {
  if (method?.type.case === 'registered') {
    const name: string | undefined = HttpMethod_Registered[method.type.value];
    if (name === undefined) throw new UnknownMatch();
    return name;
  }
  return method?.type.case === 'unregistered' ? method.type.value : undefined;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
