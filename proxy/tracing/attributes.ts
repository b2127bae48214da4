import type { Origin } from '../exchange/origin.ts';
import type { Decided } from '../exchange/plan.ts';
import type { EndpointInfo } from '../model/endpoint-info.ts';
import type { PolicyLabels } from '../model/policy-labels.ts';
import { clientCancelled } from '../telemetry/classify.ts';
import { type Attribute, AttributeSet } from '../telemetry/trace/span.ts';
import { MadeOnce } from '../wire/made-once.ts';

/** A status of HTTP and one of gRPC, as one number. */
const grpcStatuses = 18;
const mostKeptOutcomes = 256;

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

/** The sets of what they are made from, as long as that is there. */
const setsOf = <Key extends object>(describe: (key: Key) => Attribute[]): MadeOnce<Key, AttributeSet> =>
  new MadeOnce((key) => new AttributeSet(describe(key)));

const outboundOrigin = new AttributeSet([['tulle.direction', 'outbound']]);
const inboundOrigins = setsOf<Origin>(({ direction, clientAddress, clientIdentity }) => {
  const list: Attribute[] = [
    ['tulle.direction', direction],
    ['client.address', clientAddress],
  ];
  if (clientIdentity !== undefined) list.push(['tulle.client.identity', clientIdentity]);
  return list;
});

/** Who asked. */
export const originAttributes = {
  of: (origin: Origin): AttributeSet => (origin.direction === 'outbound' ? outboundOrigin : inboundOrigins.of(origin)),
};

/** What decided about it. */
export const decidedAttributes = setsOf<Decided>(({ route, parent, authorization }) => {
  const list: Attribute[] = [];
  if (route !== undefined) list.push(['tulle.route', shown(route)]);
  if (parent !== undefined) list.push(['tulle.parent', shown(parent)]);
  if (authorization !== undefined) list.push(['tulle.authorization', shown(authorization)]);
  return list;
});

/** Which endpoint had a try. */
export const endpointAttributes = setsOf<EndpointInfo>(({ address, port, identity, labels }) => {
  const list: Attribute[] = [
    ['network.peer.address', address],
    ['network.peer.port', port],
  ];
  if (identity !== undefined) list.push(['tulle.server.identity', identity.name]);
  const { service, namespace, pod } = labels;
  if (service !== undefined)
    list.push(['tulle.backend', namespace === undefined ? service : `${service}.${namespace}`]);
  if (pod !== undefined) list.push(['tulle.endpoint.pod', pod]);
  return list;
});

const keptOutcomes = new Map<number, AttributeSet>();

/** What was answered. */
export function outcomeAttributes({ status, grpcStatus }: Outcome, error: string | undefined): AttributeSet {
  // What went well comes again.
  const isKept = error === undefined && grpcStatus < grpcStatuses - 1;
  const key = status * grpcStatuses + grpcStatus + 1;
  const known = isKept ? keptOutcomes.get(key) : undefined;
  if (known !== undefined) return known;
  const list: Attribute[] = [];
  if (status > 0) list.push(['http.response.status_code', status]);
  if (grpcStatus >= 0) list.push(['rpc.grpc.status_code', grpcStatus]);
  if (error !== undefined) list.push(['error.type', error === clientCancelled ? 'cancelled' : error]);
  const set = new AttributeSet(list, isKept);
  if (isKept && keptOutcomes.size < mostKeptOutcomes) keptOutcomes.set(key, set);
  return set;
}

/** What this span tells and no other. */
export const ownAttributes = (...list: Attribute[]): AttributeSet => new AttributeSet(list, false);

/** `HTTPRoute/web`, `default/all-unauthenticated`. */
const shown = ({ kind, name }: PolicyLabels): string => `${kind}/${name}`;
