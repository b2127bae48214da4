import type { DescMessage, Registry } from '@bufbuild/protobuf';
import { type TapBody, TapBody_Side, TapBody_State } from '../../../api/gen/tulle_pb.js';
import { decompressed, maxExpandedBytes } from './decompress.ts';
import { framedMessages } from './messages.ts';
import { messageJson, methodAt, type UnknownField, unknownFields, wholeFields } from './protobuf.ts';
import { asJson, asText } from './text.ts';

/** What a body is, or one message of it. */
export interface DecodedPart {
  /** Of Protobuf, the full name of its type. */
  readonly type?: string;
  /** Bytes, as it was sent. */
  readonly length?: number;
  readonly compressed?: string;
  readonly json?: unknown;
  readonly text?: string;
  readonly fields?: readonly UnknownField[];
  /** What is missing of it, or why it cannot be shown. */
  readonly note?: string;
}

export interface DecodedBody {
  readonly of: 'request' | 'response';
  /** Bytes that had come when it was told. */
  readonly length: number;
  readonly contentType: string;
  readonly encoding?: string;
  /** Of the body as a whole. */
  readonly note?: string;
  /** One, but for gRPC, which has one for each message. */
  readonly parts: readonly DecodedPart[];
}

/** Of a message whose type is not known. */
const maxFields = 1000;

/** The messages of gRPC, and of what is like it, whose content types may say what is in them. */
const framed = /^application\/(?:grpc|grpc-web|connect)(?:\+([\w.-]+))?$/;
const protobuf = /^application\/(?:x-)?(?:proto|protobuf|vnd\.google\.protobuf)$/;
const json = /^(?:application|text)\/(?:[\w.-]+\+)?json$/;

const notes: Partial<Record<TapBody_State, string>> = {
  [TapBody_State.CUT]: 'cut here',
  [TapBody_State.BROKEN]: 'it broke off here',
  [TapBody_State.NO_ROOM]: 'the sidecar had no room for more of it',
  [TapBody_State.PASSED]: 'it had passed before the request was found',
};

/** Whether it has messages whose types are to be known. */
export function isProtobuf(contentType: string): boolean {
  const name = nameOf(contentType);
  const inMessages = framed.exec(name);
  return inMessages === null ? protobuf.test(name) : (inMessages[1] ?? 'proto') === 'proto';
}

const nameOf = (contentType: string): string => contentType.split(';', 1)[0].trim().toLowerCase();

/** What a body says, as far as that can be told. `types` are those of Protobuf that are known. Throws nothing. */
export function decodeBody(body: TapBody, types: Registry): DecodedBody {
  const { side, state, length, contentType, contentEncoding } = body;
  const encoding = contentEncoding.trim().toLowerCase();
  const coded = encoding !== '' && encoding !== 'identity';
  const head = {
    of: side === TapBody_Side.RESPONSE ? ('response' as const) : ('request' as const),
    length: Number(length),
    contentType,
    ...(coded ? { encoding } : {}),
    ...(state === TapBody_State.COMPLETE ? {} : { note: notes[state] ?? 'it is not whole' }),
  };
  if (body.data.length === 0) return { ...head, parts: state === TapBody_State.COMPLETE ? [{ note: 'no text' }] : [] };
  if (!coded) return { ...head, parts: partsOf(body, body.data, types) };
  const plain = decompressed(encoding, body.data);
  return { ...head, parts: 'problem' in plain ? [{ note: plain.problem }] : partsOf(body, plain.bytes, types) };
}

function partsOf({ side, state, contentType, path, grpcEncoding }: TapBody, bytes: Uint8Array, types: Registry) {
  const name = nameOf(contentType);
  const isWhole = state === TapBody_State.COMPLETE;
  const method = methodAt(path, types);
  const type = side === TapBody_Side.RESPONSE ? method?.output : method?.input;
  const inMessages = framed.exec(name);
  if (inMessages !== null) {
    const [, of = 'proto'] = inMessages;
    let room = maxExpandedBytes;
    return framedMessages(bytes).map(({ compressed, bytes: sent, length }): DecodedPart => {
      const head = { length, ...(compressed ? { compressed: grpcEncoding || 'by what is not said' } : {}) };
      const plain = compressed && length > 0 ? decompressed(grpcEncoding, sent, room) : { bytes: sent };
      if ('problem' in plain) {
        // What was expanded of it is not known: all of the room may have been.
        room = 0;
        return { ...head, note: plain.problem };
      }
      if (compressed) room -= plain.bytes.length;
      const cut = sent.length < length;
      const missing = cut ? { note: `cut after ${sent.length} of ${length} B` } : {};
      const content = of === 'proto' ? messageOf(plain.bytes, cut, type, types) : asText(plain.bytes, '', !cut);
      return { ...head, ...missing, ...content };
    });
  }
  if (protobuf.test(name)) return [messageOf(bytes, !isWhole, type, types)];
  return [json.test(name) && isWhole ? asJson(bytes, contentType) : asText(bytes, contentType, isWhole)];
}

function messageOf(bytes: Uint8Array, cut: boolean, type: DescMessage | undefined, types: Registry): DecodedPart {
  const whole = cut ? wholeFields(bytes) : bytes;
  if (cut && whole.length === 0) return type === undefined ? {} : { type: type.typeName };
  if (type !== undefined) {
    try {
      return { type: type.typeName, json: messageJson(type, whole, types) };
    } catch {
      // It is not what its method says, which its fields may tell.
    }
  }
  try {
    const fields = unknownFields(whole);
    const more = fields.length > maxFields ? { note: `and ${fields.length - maxFields} fields more` } : {};
    const other = type === undefined ? {} : { note: `it is no ${type.typeName}` };
    return { fields: fields.slice(0, maxFields), ...more, ...other };
  } catch {
    return { note: 'it is no message of Protobuf' };
  }
}
