import type { MessageInitShape } from '@bufbuild/protobuf';
import type { GrpcRouteMatchSchema } from '../../../api/gen/grpc_route_pb.js';
import type {
  HeaderMatchSchema,
  HostMatchSchema,
  HttpRouteMatchSchema,
  QueryParamMatchSchema,
} from '../../../api/gen/http_route_pb.js';
import { HttpMethod_Registered, type HttpMethodSchema } from '../../../api/gen/http_types_pb.js';
import type { SniMatchSchema } from '../../../api/gen/tls_route_pb.js';
import { patternProblem } from '../../../lib/contract/pattern.ts';
import type { GrpcRouteMatch, HttpRouteMatch, NamedMatch } from '../../../lib/kinds/route-object.ts';

export type HttpMatchInit = MessageInitShape<typeof HttpRouteMatchSchema>;
export type GrpcMatchInit = MessageInitShape<typeof GrpcRouteMatchSchema>;
export type HostMatchInit = MessageInitShape<typeof HostMatchSchema>;
export type SniMatchInit = MessageInitShape<typeof SniMatchSchema>;

/** A route says something that cannot be served: the whole route is left out. */
export class UnsupportedRoute extends Error {}

const encoder = new TextEncoder();

/** `*.example.com` is every name below example.com. */
export function hostMatch(hostname: string): HostMatchInit {
  if (!hostname.startsWith('*.')) return { match: { case: 'exact', value: hostname } };
  return { match: { case: 'suffix', value: { reverseLabels: hostname.slice(2).split('.').reverse() } } };
}

/** Of the name that a TLS client asks for, which has no case: `*.example.com` is every name below example.com. */
export function sniMatch(hostname: string): SniMatchInit {
  const name = hostname.toLowerCase();
  if (!name.startsWith('*.')) return { match: { case: 'exact', value: name } };
  return { match: { case: 'suffix', value: { reverseLabels: name.slice(2).split('.').reverse() } } };
}

/** Throws UnsupportedRoute. */
export function httpMatch(match: HttpRouteMatch): HttpMatchInit {
  return {
    path: match.path === undefined ? undefined : { kind: pathKind(match.path) },
    headers: (match.headers ?? []).map(headerMatch),
    queryParams: (match.queryParams ?? []).map(queryParamMatch),
    method: match.method === undefined ? undefined : method(match.method),
  };
}

/** Throws UnsupportedRoute. */
export function grpcMatch(match: GrpcRouteMatch): GrpcMatchInit {
  if (match.method?.type === 'RegularExpression') {
    throw new UnsupportedRoute('a gRPC method cannot be matched by a regular expression');
  }
  const { service = '', method: name = '' } = match.method ?? {};
  return {
    // Sent for every method, too: proxies of Linkerd refuse a whole policy over a match without.
    rpc: { service, method: name },
    headers: (match.headers ?? []).map(headerMatch),
  };
}

function pathKind({ type = 'PathPrefix', value = '/' }: NonNullable<HttpRouteMatch['path']>) {
  if (type === 'RegularExpression') return { case: 'regex' as const, value: pattern(value) };
  if (!value.startsWith('/')) throw new UnsupportedRoute(`the path ${value} is not absolute`);
  return { case: type === 'Exact' ? ('exact' as const) : ('prefix' as const), value };
}

function headerMatch({ type, name, value }: NamedMatch): MessageInitShape<typeof HeaderMatchSchema> {
  return {
    name: name.toLowerCase(),
    value:
      type === 'RegularExpression'
        ? { case: 'regex', value: pattern(value) }
        : { case: 'exact', value: encoder.encode(value) },
  };
}

function queryParamMatch({ type, name, value }: NamedMatch): MessageInitShape<typeof QueryParamMatchSchema> {
  return {
    name,
    value: type === 'RegularExpression' ? { case: 'regex', value: pattern(value) } : { case: 'exact', value },
  };
}

function pattern(text: string): string {
  const problem = patternProblem(text);
  if (problem !== undefined)
    throw new UnsupportedRoute(`${text} is no regular expression that proxies match by: ${problem}`);
  return text;
}

function method(name: string): MessageInitShape<typeof HttpMethodSchema> {
  const registered = HttpMethod_Registered[name as keyof typeof HttpMethod_Registered];
  return {
    type:
      typeof registered === 'number'
        ? { case: 'registered', value: registered }
        : { case: 'unregistered', value: name },
  };
}
