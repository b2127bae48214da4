import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  PathModifierSchema,
  RequestHeaderModifierSchema,
  RequestRedirectSchema,
} from '../../../api/gen/http_route_pb.js';
import { type HeadersSchema, Scheme_Registered } from '../../../api/gen/http_types_pb.js';
import type { CorsSchema, UrlRewriteSchema } from '../../../api/gen/tulle_pb.js';
import {
  corsNameProblem,
  corsOriginProblem,
  headerNameProblem,
  headerValueProblem,
  hostProblem,
  mirrorShareProblem,
  pathProblem,
  redirectStatuses,
} from '../../../lib/contract/route-filters.ts';
import type {
  BackendRef,
  CorsFilter,
  HeaderModifier,
  MirrorFilter,
  PathModifier,
  RouteFilter,
} from '../../../lib/kinds/route-object.ts';
import { UnsupportedRoute } from './matches.ts';
import { faultOf } from './references.ts';

type ModifierInit = MessageInitShape<typeof RequestHeaderModifierSchema> & { $typeName?: never };
type RedirectInit = MessageInitShape<typeof RequestRedirectSchema>;
type RewriteInit = MessageInitShape<typeof UrlRewriteSchema>;
type CorsInit = MessageInitShape<typeof CorsSchema>;
type PathInit = MessageInitShape<typeof PathModifierSchema>;
type HeadersInit = MessageInitShape<typeof HeadersSchema>;

type HttpFilterInit =
  | { readonly case: 'requestHeaderModifier'; readonly value: ModifierInit }
  | { readonly case: 'responseHeaderModifier'; readonly value: ModifierInit }
  | { readonly case: 'redirect'; readonly value: RedirectInit }
  | { readonly case: 'urlRewrite'; readonly value: RewriteInit }
  | { readonly case: 'cors'; readonly value: CorsInit };

/** Copies of a share of the requests: where they go is looked up when proxies are told of it. */
export interface MirrorInit {
  readonly case: 'requestMirror';
  readonly backendRef: BackendRef;
  /** Undefined for all of them. */
  readonly ratio: { readonly numerator: number; readonly denominator: number } | undefined;
}

/** Faults that requests are to meet: what they are is looked up when proxies are told of it. */
export interface FaultInit {
  readonly case: 'fault';
  /** Of the FaultInjection, in the route's namespace. */
  readonly name: string;
}

/** A filter as it was read, once for all that are told of it. */
export type FilterInit =
  | HttpFilterInit
  | MirrorInit
  | FaultInit
  /** It cannot be served, and must not be left out: what it was to shut would be open. */
  | { readonly case: 'failed'; readonly why: string };

const internalServerError = 500;
const grpcInternal = 13;
const encoder = new TextEncoder();

/** In place of a filter that cannot be served: the requests of its rule fail (Gateway API, HTTPRouteFilter). */
export const failedFilter = (why: string): FilterInit => ({ case: 'failed', why });

export interface HttpFilterOptions {
  /** Whether each match of the rule is by a path prefix. Default: true. */
  readonly hasPrefixes?: boolean;
  /** Of a redirect that says none. Default: 0, which leaves it to the proxy. */
  readonly redirectStatus?: number;
}

/** Reads a filter of an HTTP route. Throws UnsupportedRoute for extensions, and what breaks its rules. */
export function httpFilter(
  filter: RouteFilter,
  { hasPrefixes = true, redirectStatus = 0 }: HttpFilterOptions = {},
): FilterInit {
  const { requestRedirect, urlRewrite, cors } = filter;
  const common = commonFilter(filter);
  if (common !== undefined) return common;
  const replaced = (requestRedirect ?? urlRewrite)?.path;
  if (!hasPrefixes && replaced != null && replaced.replaceFullPath == null) {
    throw new UnsupportedRoute('a prefix is replaced in a rule whose matches are not all of type PathPrefix');
  }
  if (requestRedirect != null) return { case: 'redirect', value: redirect(requestRedirect, redirectStatus) };
  if (urlRewrite != null) return { case: 'urlRewrite', value: rewrite(urlRewrite) };
  if (cors != null) return { case: 'cors', value: corsFilter(cors) };
  throw new UnsupportedRoute(`the filter ${filter.type} is not supported`);
}

/** Reads a filter of a gRPC route. Throws UnsupportedRoute. */
export function grpcFilter(filter: RouteFilter): FilterInit {
  const common = commonFilter(filter);
  if (common === undefined) throw new UnsupportedRoute(`the filter ${filter.type} is not supported for gRPC`);
  return common;
}

/** Of itself alone it says what is to be done. */
export type WholeFilter = Exclude<FilterInit, MirrorInit | FaultInit>;

/** As proxies are told of it, on either side. */
export function httpFilterToApi(filter: WholeFilter) {
  if (filter.case !== 'failed') return { kind: filter };
  return {
    kind: { case: 'failureInjector' as const, value: { status: internalServerError, message: filter.why } },
  };
}

/** The same for gRPC, where a filter that only HTTP routes have is one that cannot be served. */
export function grpcFilterToApi(filter: WholeFilter) {
  if (filter.case === 'requestHeaderModifier' || filter.case === 'responseHeaderModifier') return { kind: filter };
  const message = filter.case === 'failed' ? filter.why : 'a filter is not supported for gRPC';
  return { kind: { case: 'failureInjector' as const, value: { code: grpcInternal, message } } };
}

export const isFault = (filter: FilterInit): filter is FaultInit => filter.case === 'fault';
export const isMirror = (filter: FilterInit): filter is MirrorInit => filter.case === 'requestMirror';

/** What routes of HTTP and gRPC have alike. */
function commonFilter(filter: RouteFilter): FilterInit | undefined {
  const { requestHeaderModifier, responseHeaderModifier, requestMirror } = filter;
  if (requestHeaderModifier != null) return { case: 'requestHeaderModifier', value: modifier(requestHeaderModifier) };
  if (responseHeaderModifier != null) {
    return { case: 'responseHeaderModifier', value: modifier(responseHeaderModifier) };
  }
  if (requestMirror != null) return mirror(requestMirror);
  // Whichever the namespace is, it is the route's.
  const name = faultOf(filter, '') === undefined ? undefined : filter.extensionRef?.name;
  if (name !== undefined) return { case: 'fault', name };
  return undefined;
}

function mirror(filter: MirrorFilter): MirrorInit {
  const problem = mirrorShareProblem(filter);
  if (problem !== undefined) throw new UnsupportedRoute(`a mirror ${problem}`);
  const { percent, fraction, backendRef } = filter;
  const share = fraction ?? (percent == null ? undefined : { numerator: percent });
  return {
    case: 'requestMirror',
    backendRef: { kind: 'Service', ...backendRef },
    ratio: share && { numerator: share.numerator, denominator: (share as typeof fraction)?.denominator ?? 100 },
  };
}

/** Throws UnsupportedRoute where there is a problem. */
function hold(value: string, problem: string | undefined): string {
  if (problem !== undefined) throw new UnsupportedRoute(`${JSON.stringify(value.slice(0, 100))} ${problem}`);
  return value;
}

function modifier({ add, set, remove }: HeaderModifier): ModifierInit {
  return {
    add: headers(add ?? []),
    set: headers(set ?? []),
    remove: (remove ?? []).map((name) => hold(name, headerNameProblem(name)).toLowerCase()),
  };
}

function headers(list: readonly { readonly name: string; readonly value: string }[]): HeadersInit | undefined {
  if (list.length === 0) return undefined;
  return {
    headers: list.map(({ name, value }) => ({
      name: hold(name, headerNameProblem(name)).toLowerCase(),
      value: encoder.encode(hold(value, headerValueProblem(value))),
    })),
  };
}

function redirect(filter: NonNullable<RouteFilter['requestRedirect']>, redirectStatus: number): RedirectInit {
  const { scheme, hostname, path, port, statusCode } = filter;
  if (statusCode != null && !redirectStatuses.includes(statusCode)) {
    throw new UnsupportedRoute(`${statusCode} must be a status of a redirect`);
  }
  return {
    scheme: scheme == null ? undefined : { type: schemeType(scheme) },
    host: hostname == null ? '' : hold(hostname, hostProblem(hostname)),
    path: path == null ? undefined : pathModifier(path),
    port: port ?? 0,
    status: statusCode ?? redirectStatus,
  };
}

function rewrite({ hostname, path }: NonNullable<RouteFilter['urlRewrite']>): RewriteInit {
  if (path?.replaceFullPath?.includes('?')) throw new UnsupportedRoute('a rewritten path has no query');
  return {
    host: hostname == null ? '' : hold(hostname, hostProblem(hostname)),
    path: path == null ? undefined : pathModifier(path),
  };
}

function schemeType(scheme: string) {
  const registered = Scheme_Registered[scheme.toUpperCase() as keyof typeof Scheme_Registered];
  return registered === undefined
    ? { case: 'unregistered' as const, value: scheme }
    : { case: 'registered' as const, value: registered };
}

function pathModifier({ replaceFullPath, replacePrefixMatch }: PathModifier): PathInit {
  if (replaceFullPath != null) {
    return { replace: { case: 'full', value: hold(replaceFullPath, pathProblem(replaceFullPath)) } };
  }
  if (replacePrefixMatch == null) throw new UnsupportedRoute('a change of the path must say to what');
  // Nothing in place of a prefix takes it away.
  const value = replacePrefixMatch === '' ? '/' : hold(replacePrefixMatch, pathProblem(replacePrefixMatch));
  return { replace: { case: 'prefix', value } };
}

function corsFilter(cors: CorsFilter): CorsInit {
  const names = (list: readonly string[] | undefined) => (list ?? []).map((name) => hold(name, corsNameProblem(name)));
  return {
    allowOrigins: (cors.allowOrigins ?? []).map((origin) => hold(origin, corsOriginProblem(origin))),
    allowCredentials: cors.allowCredentials ?? false,
    allowMethods: names(cors.allowMethods),
    allowHeaders: names(cors.allowHeaders),
    exposeHeaders: names(cors.exposeHeaders),
    maxAgeSeconds: Math.max(0, cors.maxAge ?? 0),
  };
}
