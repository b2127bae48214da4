import { create, toBinary } from '@bufbuild/protobuf';
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
import {
  type Headers,
  Headers_HeaderSchema,
  HeadersSchema,
  type HttpMethod,
  HttpMethod_Registered,
  HttpMethodSchema,
  type Scheme,
  Scheme_Registered,
  SchemeSchema,
} from '../../api/gen/http_types_pb.js';
import { type Metadata, MetadataSchema } from '../../api/gen/meta_pb.js';
import type { TcpAddress } from '../../api/gen/net_pb.js';
import {
  type Eos,
  EosSchema,
  type TapEvent,
  type TapEvent_EndpointMeta,
  TapEvent_EndpointMetaSchema,
  TapEvent_Http_RequestInitSchema,
  TapEvent_Http_ResponseEndSchema,
  TapEvent_Http_ResponseInitSchema,
  TapEvent_Http_StreamIdSchema,
  TapEvent_HttpSchema,
  TapEvent_ProxyDirection,
  TapEvent_RouteMetaSchema,
  TapEventSchema,
} from '../../api/gen/tap_pb.js';
import {
  type TapBodies,
  TapBodySchema,
  type TapDecision,
  TapDecisionSchema,
  TapOutcomeSchema,
} from '../../api/gen/tulle_pb.js';
import { addressToApi } from '../control/addresses.ts';
import type { PolicyLabels } from '../model/policy-labels.ts';
import { readContext } from '../telemetry/trace/context.ts';
import { type Field, FieldMark, fieldValue } from '../wire/field.ts';
import { parseIp } from '../wire/ip-network.ts';
import { ErrorCode } from '../wire/stream.ts';
import { endOf, pathWithoutQuery, routeLabels, type Seen } from './match.ts';
import type { BodyPart } from './tapped-body.ts';

/** Which request an event is of. */
export interface StreamId {
  /** Of this process. */
  readonly base: number;
  readonly stream: number;
}

/** Of one event; what is longer is cut off. */
const maxFields = 100;
const maxValueLength = 1024;
const maxPathLength = 4096;
const masked = '(masked)';
/** Never told, whoever asks: they are what a stranger needs to be somebody else. */
const secretNames = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'x-auth-token',
  'x-amz-security-token',
  'x-goog-iap-jwt-assertion',
  'x-vault-token',
]);

type HttpEvent = NonNullable<Parameters<typeof create<typeof TapEvent_HttpSchema>>[1]>['event'];

/** The events of one request: what all of them say is made once. `headers`: whether those are told. */
export class Events {
  private readonly id: StreamId;
  private readonly headers: boolean;
  private readonly seen: Seen;
  private common: Omit<TapEvent, 'event'> | undefined = undefined;

  constructor(id: StreamId, headers: boolean, seen: Seen) {
    this.id = id;
    this.headers = headers;
    this.seen = seen;
  }

  /** `bodies` is whether those are told, where they were asked for. */
  requestInit(bodies: TapBodies | undefined): Uint8Array {
    const { head } = this.seen;
    return this.event(
      {
        case: 'requestInit',
        value: create(TapEvent_Http_RequestInitSchema, {
          id: this.streamId(),
          method: methodToApi(head.method),
          scheme: schemeToApi(head.scheme),
          authority: text(head.authority, maxValueLength),
          path: text(pathWithoutQuery(head.path), maxPathLength),
          headers: this.headersOf(head.fields),
        }),
      },
      bodies,
    );
  }

  body({ side, state, data, length, fields }: BodyPart): Uint8Array {
    const value = (name: string): string => text(fieldValue(fields, name) ?? '', maxValueLength);
    return this.event({
      case: 'body',
      value: create(TapBodySchema, {
        ...{ base: this.id.base, stream: BigInt(this.id.stream), side, state, data, length: BigInt(length) },
        contentType: value('content-type'),
        contentEncoding: value('content-encoding'),
        grpcEncoding: value('grpc-encoding'),
        path: text(pathWithoutQuery(this.seen.head.path), maxPathLength),
      }),
    });
  }

  /** `sinceMs` is how long after the request's head. */
  responseInit(status: number, fields: readonly Field[] | undefined, sinceMs: number): Uint8Array {
    return this.event({
      case: 'responseInit',
      value: create(TapEvent_Http_ResponseInitSchema, {
        id: this.streamId(),
        sinceRequestInit: duration(sinceMs),
        httpStatus: status,
        headers: this.headersOf(fields),
      }),
    });
  }

  responseEnd(end: {
    /** How long after the request's head. */
    readonly sinceRequestMs: number;
    /** How long after the response's head; undefined when there was none. */
    readonly sinceResponseMs: number | undefined;
    readonly bytes: number;
    /** -1 without one. */
    readonly grpcStatus: number;
    /** It did not end by itself. */
    readonly isReset: boolean;
    readonly trailers: readonly Field[] | undefined;
    readonly tries: number;
    readonly failure: { readonly code: string; readonly message: string } | undefined;
  }): Uint8Array {
    return this.event({
      case: 'responseEnd',
      value: create(TapEvent_Http_ResponseEndSchema, {
        id: this.streamId(),
        sinceRequestInit: duration(end.sinceRequestMs),
        sinceResponseInit: end.sinceResponseMs === undefined ? undefined : duration(end.sinceResponseMs),
        responseBytes: BigInt(end.bytes),
        eos: eosOf(end.grpcStatus, end.isReset),
        trailers: this.headersOf(end.trailers),
        outcome: create(TapOutcomeSchema, {
          tries: end.tries,
          failure: end.failure?.code ?? '',
          message: text(end.failure?.message ?? '', maxValueLength),
        }),
      }),
    });
  }

  private streamId() {
    return create(TapEvent_Http_StreamIdSchema, { base: this.id.base, stream: BigInt(this.id.stream) });
  }

  private event(event: HttpEvent, bodies: TapBodies | undefined = undefined): Uint8Array {
    this.common ??= commonOf(this.seen);
    return toBinary(
      TapEventSchema,
      create(TapEventSchema, {
        ...this.common,
        ...(bodies === undefined ? {} : { bodies }),
        event: { case: 'http', value: create(TapEvent_HttpSchema, { event }) },
      }),
    );
  }

  private headersOf(fields: readonly Field[] | undefined): Headers | undefined {
    if (!this.headers || fields === undefined) return undefined;
    return create(HeadersSchema, {
      headers: fields.slice(0, maxFields).map((field) => {
        const isSecret = field.sensitive || secretNames.has(field.name) || (field.marks & FieldMark.mesh) !== 0;
        const value = isSecret ? masked : field.value.slice(0, maxValueLength);
        return create(Headers_HeaderSchema, {
          name: text(field.name, maxValueLength),
          value: Buffer.from(value, 'latin1'),
        });
      }),
    });
  }
}

function commonOf(seen: Seen): Omit<TapEvent, 'event'> {
  const { origin, decided } = seen;
  return create(TapEventSchema, {
    source: addressOf(endOf('source', seen)),
    sourceMeta: sourceMeta(seen),
    destination: addressOf(endOf('destination', seen)),
    destinationMeta: destinationMeta(seen),
    routeMeta: create(TapEvent_RouteMetaSchema, { labels: routeLabels(decided) }),
    proxyDirection: origin.direction === 'inbound' ? TapEvent_ProxyDirection.INBOUND : TapEvent_ProxyDirection.OUTBOUND,
    decision: decisionOf(seen),
  });
}

/** Linkerd's words for it (linkerd/tls/src/server.rs). */
function sourceMeta({ origin }: Seen): TapEvent_EndpointMeta {
  const tls = origin.direction === 'outbound' ? 'loopback' : origin.clientTls ? 'true' : 'no_tls_from_remote';
  const labels: Record<string, string> = { tls };
  if (origin.clientTls) labels['client_id'] = origin.clientIdentity ?? '';
  return create(TapEvent_EndpointMetaSchema, { labels });
}

function destinationMeta({ endpoint }: Seen): TapEvent_EndpointMeta | undefined {
  if (endpoint === undefined) return undefined;
  const { identity, noTlsReason } = endpoint;
  const labels = { ...endpoint.labels, tls: identity === undefined ? `${noTlsReason}` : 'true' };
  return create(TapEvent_EndpointMetaSchema, {
    labels: identity === undefined ? labels : { ...labels, server_id: identity.name },
  });
}

function decisionOf({ decided, head }: Seen): TapDecision | undefined {
  const context = (head.marks & FieldMark.trace) === 0 ? undefined : readContext(head.fields).context;
  const traceId = context?.traceId?.toString() ?? '';
  if (decided === undefined && traceId === '') return undefined;
  return create(TapDecisionSchema, {
    route: metadata(decided?.route),
    parent: metadata(decided?.parent),
    authorization: metadata(decided?.authorization),
    traceId,
  });
}

function metadata(labels: PolicyLabels | undefined): Metadata | undefined {
  if (labels === undefined) return undefined;
  const { group, kind, name } = labels;
  return create(MetadataSchema, {
    kind: kind === 'default' ? { case: 'default', value: name } : { case: 'resource', value: { group, kind, name } },
  });
}

function addressOf(at: { address: string; port: number } | undefined): TcpAddress | undefined {
  const ip = at && parseIp(at.address);
  return ip && addressToApi(ip, at.port);
}

function methodToApi(method: string): HttpMethod {
  const registered = HttpMethod_Registered[method as keyof typeof HttpMethod_Registered];
  return create(HttpMethodSchema, {
    type:
      typeof registered === 'number'
        ? { case: 'registered', value: registered }
        : { case: 'unregistered', value: text(method, maxValueLength) },
  });
}

function schemeToApi(scheme: string): Scheme {
  const value = scheme === 'https' ? Scheme_Registered.HTTPS : Scheme_Registered.HTTP;
  return create(SchemeSchema, { type: { case: 'registered', value } });
}

function eosOf(grpcStatus: number, isReset: boolean): Eos {
  if (grpcStatus >= 0) return create(EosSchema, { end: { case: 'grpcStatusCode', value: grpcStatus } });
  return create(EosSchema, isReset ? { end: { case: 'resetErrorCode', value: ErrorCode.cancel } } : {});
}

/** A string field of Protobuf is UTF-8: what peers sent as latin-1 is so after this, and of a bounded length. */
const text = (value: string, most: number): string => value.slice(0, most);

function duration(ms: number): Duration {
  const whole = Math.max(0, ms);
  const seconds = Math.floor(whole / 1000);
  const nanos = Math.min(999_999_999, Math.round((whole - seconds * 1000) * 1e6));
  return create(DurationSchema, { seconds: BigInt(seconds), nanos });
}
