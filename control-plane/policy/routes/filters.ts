import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RequestHeaderModifierSchema, RequestRedirectSchema } from '../../../api/gen/http_route_pb.js';
import { type HeadersSchema, Scheme_Registered } from '../../../api/gen/http_types_pb.js';
import type { HeaderModifier, RouteFilter } from '../../../lib/kinds/route-object.ts';
import { UnsupportedRoute } from './matches.ts';

type ModifierInit = MessageInitShape<typeof RequestHeaderModifierSchema> & { $typeName?: never };
type RedirectInit = MessageInitShape<typeof RequestRedirectSchema>;
type HeadersInit = MessageInitShape<typeof HeadersSchema>;

/** A filter as the API has it; which of them a side knows is for that side to say. */
export type FilterInit =
  | { readonly case: 'requestHeaderModifier'; readonly value: ModifierInit }
  | { readonly case: 'responseHeaderModifier'; readonly value: ModifierInit }
  | { readonly case: 'redirect'; readonly value: RedirectInit };

const encoder = new TextEncoder();

/** Throws UnsupportedRoute for mirrors, rewrites and extensions, which Linkerd does not serve either. */
export function routeFilter(filter: RouteFilter): FilterInit {
  const { requestHeaderModifier, responseHeaderModifier, requestRedirect } = filter;
  if (requestHeaderModifier !== undefined) {
    return { case: 'requestHeaderModifier', value: modifier(requestHeaderModifier) };
  }
  if (responseHeaderModifier !== undefined) {
    return { case: 'responseHeaderModifier', value: modifier(responseHeaderModifier) };
  }
  if (requestRedirect !== undefined) return { case: 'redirect', value: redirect(requestRedirect) };
  throw new UnsupportedRoute(`the filter ${filter.type} is not supported`);
}

function modifier({ add = [], set = [], remove = [] }: HeaderModifier): ModifierInit {
  return { add: headers(add), set: headers(set), remove: remove.map((name) => name.toLowerCase()) };
}

function headers(list: readonly { readonly name: string; readonly value: string }[]): HeadersInit | undefined {
  if (list.length === 0) return undefined;
  return { headers: list.map(({ name, value }) => ({ name: name.toLowerCase(), value: encoder.encode(value) })) };
}

/** Without a word of it the status is Gateway API's default, which files that no API server has read do not have. */
function redirect(filter: NonNullable<RouteFilter['requestRedirect']>): RedirectInit {
  const { scheme, hostname = '', path, port = 0, statusCode = 302 } = filter;
  return {
    scheme: scheme === undefined ? undefined : { type: schemeType(scheme) },
    host: hostname,
    path: path === undefined ? undefined : { replace: pathModifier(path) },
    port,
    status: statusCode,
  };
}

function schemeType(scheme: string) {
  const registered = Scheme_Registered[scheme.toUpperCase() as keyof typeof Scheme_Registered];
  return registered === undefined
    ? { case: 'unregistered' as const, value: scheme }
    : { case: 'registered' as const, value: registered };
}

function pathModifier(path: NonNullable<NonNullable<RouteFilter['requestRedirect']>['path']>) {
  const { replaceFullPath, replacePrefixMatch } = path;
  const value = replaceFullPath ?? replacePrefixMatch;
  if (value === undefined) throw new UnsupportedRoute('a redirect of the path must say to what');
  if (!value.startsWith('/')) throw new UnsupportedRoute(`the path ${value} is not absolute`);
  return { case: replaceFullPath === undefined ? ('prefix' as const) : ('full' as const), value };
}
