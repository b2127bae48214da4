import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type AttributeContext_PeerSchema, CheckRequestSchema } from '../../api/gen/ext_authz_pb.js';
import { frameMessage } from '../control/grpc/message-reader.ts';
import { type Field, FieldMark, fieldValue } from '../wire/field.ts';
import type { HttpVersion, RequestHead } from '../wire/stream.ts';
import type { CheckPolicy } from './check-policy.ts';

/** An end of the connection that a request came by; `identity` is that of its certificate. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  readonly identity: string | undefined;
}

/** What is told of a request besides its head. */
export interface Asked {
  readonly source: Peer;
  readonly destination: Peer;
  /** What the client's application speaks. */
  readonly version: HttpVersion;
  readonly isHeadOnly: boolean;
  /** Time since the epoch. */
  readonly nowMs: number;
}

/** Names and values together: what is more is not cut, since an authorizer might forbid what was cut off. */
export const mostSentBytes = 60 * 1024;

/** What belongs to a connection, or to proxies: the codecs have taken most of it out of heads. */
const neverSent: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The message of a check, with gRPC's prefix; undefined when its headers are too many to be told. */
export function checkRequest(
  policy: CheckPolicy,
  head: RequestHead,
  asked: Asked,
): Uint8Array<ArrayBuffer> | undefined {
  const headers = toldHeaders(policy.sentHeaders, head.fields);
  if (headers === undefined) return undefined;
  const { method, path, authority, scheme, contentLength } = head;
  const request = create(CheckRequestSchema, {
    attributes: {
      source: peer(asked.source),
      destination: peer(asked.destination),
      request: {
        time: timestampFromMs(asked.nowMs),
        http: {
          id: utf8(fieldValue(head.fields, 'x-request-id') ?? ''),
          method: utf8(method),
          path: utf8(path),
          host: utf8(authority),
          scheme,
          size: BigInt(asked.isHeadOnly ? 0 : contentLength),
          protocol: asked.version === 'http2' ? 'HTTP/2' : 'HTTP/1.1',
        },
      },
    },
  });
  // Given as they are: a header may be called `__proto__`.
  request.attributes!.request!.http!.headers = headers;
  request.attributes!.contextExtensions = policy.contextExtensions;
  return frameMessage(toBinary(CheckRequestSchema, request)) as Uint8Array<ArrayBuffer>;
}

/** Values of one name are joined as HTTP joins them: cookies by semicolons (RFC 9113 section 8.2.3). */
function toldHeaders(
  names: ReadonlySet<string> | undefined,
  fields: readonly Field[],
): Record<string, string> | undefined {
  const headers: Record<string, string> = Object.create(null);
  let bytes = 0;
  for (const { name, value, marks } of fields) {
    if ((marks & FieldMark.mesh) !== 0 || neverSent.has(name) || (names !== undefined && !names.has(name))) continue;
    bytes += name.length + value.length;
    if (bytes > mostSentBytes) return undefined;
    const before = headers[name];
    const told = utf8(value);
    headers[name] = before === undefined ? told : `${before}${name === 'cookie' ? '; ' : ','}${told}`;
  }
  return headers;
}

/** Heads are latin-1, as the wire is bytes; those that are no UTF-8 are replaced. */
const utf8 = (latin1: string): string =>
  /^[\0-\x7f]*$/.test(latin1) ? latin1 : Buffer.from(latin1, 'latin1').toString('utf8');

const peer = ({ address, port, identity }: Peer) =>
  ({
    address: { socketAddress: { address, portValue: port } },
    principal: identity ?? '',
  }) satisfies Parameters<typeof create<typeof AttributeContext_PeerSchema>>[1];
