import type { GrpcRouteMatch } from '../../api/gen/grpc_route_pb.js';
import type {
  HostMatch as ApiHost,
  HeaderMatch,
  HttpRouteMatch,
  QueryParamMatch,
} from '../../api/gen/http_route_pb.js';
import { type HttpMethod, HttpMethod_Registered } from '../../api/gen/http_types_pb.js';
import { PatternError } from '../../lib/contract/pattern.ts';
import { latin1 } from '../wire/latin1.ts';
import { decodeUnreserved } from './path-readings.ts';
import { Pattern } from './pattern.ts';
import type { HostMatch, NamedMatch, PathMatch, RequestMatch } from './route-table.ts';

/** A condition that cannot be read: `message` says why. */
export class UnknownMatch extends Error {}

/** Told why something of a rule cannot be read. */
export type OnUnread = (why: string) => void;

const everything: RequestMatch = { path: undefined, method: undefined, headers: [], queryParams: [] };

/** Of all rules of a route. A rule without matches fits every request. */
export function httpMatchesFromApi(
  rules: readonly { readonly matches: readonly HttpRouteMatch[] }[],
  onUnread: OnUnread,
): RequestMatch[] {
  return rules.flatMap(({ matches }) =>
    matches.length === 0 ? [everything] : matches.flatMap((match) => httpMatch(match, new Reader(onUnread))),
  );
}

/** gRPC calls are requests to `/service/method`. */
export function grpcMatchesFromApi(
  rules: readonly { readonly matches: readonly GrpcRouteMatch[] }[],
  onUnread: OnUnread,
): RequestMatch[] {
  return rules.flatMap(({ matches }) =>
    matches.length === 0 ? [everything] : matches.map((match) => grpcMatch(match, new Reader(onUnread))),
  );
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

/** Reads the conditions of one match; `unread` is set when one of them cannot be. */
class Reader {
  private readonly onUnread: OnUnread;
  unread = false;

  constructor(onUnread: OnUnread) {
    this.onUnread = onUnread;
  }

  read<Value>(value: () => Value): Value | undefined {
    try {
      return value();
    } catch (error) {
      if (!(error instanceof UnknownMatch)) throw error;
      this.unread = true;
      this.onUnread(error.message);
      return undefined;
    }
  }
}

/** None when no request can fit. */
function httpMatch({ path, method, headers, queryParams }: HttpRouteMatch, reader: Reader): RequestMatch[] {
  // No path has a question mark: the query begins there.
  if ((path?.kind.case === 'exact' || path?.kind.case === 'prefix') && path.kind.value.includes('?')) return [];
  const match = {
    path: path && (reader.read(() => pathMatch(path.kind)) ?? ({ kind: 'unread' } as const)),
    method: reader.read(() => methodFromApi(method)),
    headers: headers.map((header) => headerMatch(header, reader)),
    queryParams: queryParams.map((param) => queryMatch(param, reader)),
  };
  return [{ ...match, unread: reader.unread }];
}

function grpcMatch({ rpc, headers }: GrpcRouteMatch, reader: Reader): RequestMatch {
  const { service = '', method = '' } = rpc ?? {};
  const path: PathMatch | undefined =
    service !== '' && method !== ''
      ? { kind: 'exact', value: `/${service}/${method}` }
      : service !== ''
        ? { kind: 'prefix', value: `/${service}` }
        : method !== ''
          ? (reader.read(() => ({ kind: 'regex', value: pattern(`/[^/]+/${escaped(method)}`) }) as const) ?? {
              kind: 'unread',
            })
          : undefined;
  const match = {
    path,
    method: undefined,
    headers: headers.map((header) => headerMatch(header, reader)),
    queryParams: [],
  };
  return { ...match, unread: reader.unread };
}

function pathMatch(kind: NonNullable<HttpRouteMatch['path']>['kind']): PathMatch {
  switch (kind.case) {
    case 'exact':
      return { kind: 'exact', value: decodeUnreserved(kind.value) };
    case 'prefix':
      return { kind: 'prefix', value: withoutSlashes(decodeUnreserved(kind.value)) };
    case 'regex':
      return { kind: 'regex', value: pattern(kind.value) };
    default:
      throw new UnknownMatch('a path match of a kind that is not known');
  }
}

function withoutSlashes(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === '/') end--;
  return path.slice(0, end);
}

function headerMatch({ name, value }: HeaderMatch, reader: Reader): NamedMatch {
  const expected = reader.read(() => {
    if (value.case === undefined) throw new UnknownMatch('a header match of a kind that is not known');
    // Field values are latin-1 everywhere here.
    return value.case === 'exact' ? latin1(value.value, 0, value.value.length) : pattern(value.value);
  });
  return { name: name.toLowerCase(), value: expected };
}

function queryMatch({ name, value }: QueryParamMatch, reader: Reader): NamedMatch {
  const expected = reader.read(() => {
    if (value.case === undefined) throw new UnknownMatch('a query match of a kind that is not known');
    return value.case === 'exact' ? value.value : pattern(value.value);
  });
  return { name, value: expected };
}

/** Matches the whole of a value, in linear time. Throws UnknownMatch. */
export function pattern(text: string): Pattern {
  try {
    return new Pattern(text);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new UnknownMatch(`the pattern ${JSON.stringify(text.slice(0, 200))} cannot be matched by: ${error.message}`);
  }
}

/** Throws UnknownMatch. */
export function methodFromApi(method: HttpMethod | undefined): string | undefined {
  if (method?.type.case === 'registered') {
    const name: string | undefined = HttpMethod_Registered[method.type.value];
    if (name === undefined) throw new UnknownMatch('a method that is not known');
    return name;
  }
  return method?.type.case === 'unregistered' ? method.type.value : undefined;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
