import type { Attempt } from '../exchange/attempt.ts';
import type { Origin } from '../exchange/origin.ts';
import type { Decided } from '../exchange/plan.ts';
import type { PolicyLabels } from '../model/policy-labels.ts';
import { clientCancelled } from '../telemetry/classify.ts';
import { type Attribute, bounded, excerpt } from '../telemetry/trace/span.ts';
import { splitHostPort } from '../wire/host-port.ts';
import type { HttpVersion, RequestHead } from '../wire/stream.ts';

/** Methods that the conventions name; any other is one word in the name of a span, or clients could make up names. */
const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY']);
/** What comes again in each span is made once. */
const methods = new Map(
  [...knownMethods].map((method): [string, Attribute] => [method, ['http.request.method', method]]),
);
const otherMethod: Attribute = ['http.request.method', '_OTHER'];
const http: Attribute = ['url.scheme', 'http'];
const https: Attribute = ['url.scheme', 'https'];
const http1: Attribute = ['network.protocol.version', '1.1'];
const http2: Attribute = ['network.protocol.version', '2'];
const rpc: Attribute = ['rpc.system', 'grpc'];
const inbound: Attribute = ['tulle.direction', 'inbound'];
const outbound: Attribute = ['tulle.direction', 'outbound'];
const mostKeptAuthorities = 256;
const longestPath = 1024;
const longestName = 256;
const longestMethod = 32;

/** What became of a request or of one of its tries. */
export interface Outcome {
  /** 0 without a response. */
  readonly status: number;
  /** -1 without. */
  readonly grpcStatus: number;
  readonly error: string | undefined;
}

/** gRPC's codes by which the server failed (semantic conventions of gRPC): by the others the client did. */
const serverFailures: ReadonlySet<number> = new Set([2, 4, 12, 13, 14, 15]);

/** Why a span is one of an error, in a word: undefined when it is not. Its client is told of more than its server. */
export function errorOf(
  { status, grpcStatus, error }: Outcome,
  kind: 'server' | 'client' | 'internal',
): string | undefined {
  if (error !== undefined) return error;
  const isClient = kind === 'client';
  if (grpcStatus > 0 && (isClient || serverFailures.has(grpcStatus))) return String(grpcStatus);
  return status >= (isClient ? 400 : 500) ? String(status) : undefined;
}

/** What a span is called: few names, whatever is asked for. */
export function nameOf(head: RequestHead, grpc: boolean): string {
  if (grpc && head.path.length > 1) return excerpt(head.path, 1, head.path.length, longestName);
  return knownMethods.has(head.method) ? head.method : 'HTTP';
}

/** What was asked. Queries hold what nobody should see: only the path is told. */
export function requestAttributes(head: RequestHead, grpc: boolean, version: HttpVersion): Attribute[] {
  const { method, path, scheme, authority } = head;
  const end = path.indexOf('?');
  const known = methods.get(method);
  const list: Attribute[] = [
    known ?? otherMethod,
    scheme === 'https' ? https : http,
    ['url.path', excerpt(path, 0, end < 0 ? path.length : end, longestPath)],
    version === 'http1' ? http1 : http2,
  ];
  if (known === undefined) list.push(['http.request.method_original', bounded(method, longestMethod)]);
  if (authority !== '') list.push(...serverAttributes(authority));
  if (grpc) {
    const slash = path.lastIndexOf('/');
    list.push(rpc);
    if (slash > 0) {
      list.push(['rpc.service', excerpt(path, 1, slash, longestName)]);
      list.push(['rpc.method', excerpt(path, slash + 1, path.length, longestName)]);
    }
  }
  return list;
}

const keptAuthorities = new Map<string, readonly Attribute[]>();

/** Whom a request names. A workload names few. */
function serverAttributes(authority: string): readonly Attribute[] {
  let attributes = keptAuthorities.get(authority);
  if (attributes !== undefined) return attributes;
  const target = splitHostPort(authority);
  const address: Attribute = ['server.address', bounded(target?.host ?? authority, longestName)];
  attributes = target === undefined ? [address] : [address, ['server.port', target.port]];
  if (authority.length > longestName) return attributes;
  if (keptAuthorities.size >= mostKeptAuthorities) keptAuthorities.clear();
  keptAuthorities.set(authority, attributes);
  return attributes;
}

/** Who asked. */
export function originAttributes(list: Attribute[], { direction, clientAddress, clientIdentity }: Origin): void {
  list.push(direction === 'inbound' ? inbound : outbound);
  if (direction === 'outbound') return;
  list.push(['client.address', clientAddress]);
  if (clientIdentity !== undefined) list.push(['tulle.client.identity', clientIdentity]);
}

/** What decided about it. */
export function decidedAttributes(list: Attribute[], decided: Decided | undefined): void {
  if (decided === undefined) return;
  const { route, parent, authorization } = decided;
  if (route !== undefined) list.push(['tulle.route', shown(route)]);
  if (parent !== undefined) list.push(['tulle.parent', shown(parent)]);
  if (authorization !== undefined) list.push(['tulle.authorization', shown(authorization)]);
}

/** Which endpoint had a try. */
export function endpointAttributes(list: Attribute[], { endpoint }: Attempt): void {
  if (endpoint === undefined) return;
  const { address, port, identity, labels } = endpoint.info;
  list.push(['network.peer.address', address], ['network.peer.port', port]);
  if (identity !== undefined) list.push(['tulle.server.identity', identity.name]);
  const { service, namespace, pod } = labels;
  if (service !== undefined)
    list.push(['tulle.backend', namespace === undefined ? service : `${service}.${namespace}`]);
  if (pod !== undefined) list.push(['tulle.endpoint.pod', pod]);
}

/** What was answered. */
export function outcomeAttributes(list: Attribute[], outcome: Outcome, error: string | undefined): void {
  const { status, grpcStatus } = outcome;
  if (status > 0) list.push(['http.response.status_code', status]);
  if (grpcStatus >= 0) list.push(['rpc.grpc.status_code', grpcStatus]);
  if (error !== undefined) list.push(['error.type', error === clientCancelled ? 'cancelled' : error]);
}

/** `HTTPRoute/web`, `default/all-unauthenticated`. */
const shown = ({ kind, name }: PolicyLabels): string => `${kind}/${name}`;
