import {
  type DescMessage,
  type DescMethod,
  fromBinary,
  type JsonValue,
  type Registry,
  toJson,
} from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { EmptySchema } from '@bufbuild/protobuf/wkt';

/** A field of a message of which nobody knows the type. */
export interface UnknownField {
  readonly field: number;
  readonly wire: string;
  /** Of numbers, and of bytes that are text. */
  readonly value?: string;
  /** Of other bytes. */
  readonly length?: number;
}

/** A method by the path of its calls, `/package.Service/Method`, also behind a prefix; undefined when it is not known. */
export function methodAt(path: string, registry: Registry): DescMethod | undefined {
  const service = registry.getService(serviceAt(path));
  const name = path.slice(path.lastIndexOf('/') + 1);
  return service?.methods.find((method) => method.name === name);
}

/** The service that a path of gRPC names; empty where it names none. */
export function serviceAt(path: string): string {
  const [service = '', method = ''] = path.split('/').slice(-2);
  return method !== '' && /^[A-Za-z_][\w.]{0,255}$/.test(service) ? service : '';
}

/** A message as JSON. Throws when the bytes are none of its type. */
export function messageJson(type: DescMessage, bytes: Uint8Array, registry: Registry): JsonValue {
  return toJson(type, fromBinary(type, bytes), { registry });
}

/** The beginning of a message that is cut off: its fields that are whole. */
export function wholeFields(bytes: Uint8Array): Uint8Array {
  const reader = new BinaryReader(bytes);
  let end = 0;
  try {
    while (reader.pos < reader.len) {
      const [field, wire] = reader.tag();
      reader.skip(wire, field);
      end = reader.pos;
    }
  } catch {
    // Here it is cut.
  }
  return bytes.subarray(0, end);
}

/** The fields of a message of which nobody knows the type. Throws when the bytes are no message. */
export function unknownFields(bytes: Uint8Array): UnknownField[] {
  // All fields are unknown to a message that has none.
  return (fromBinary(EmptySchema, bytes).$unknown ?? []).map(({ no, wireType, data }) => ({
    field: no,
    ...fieldValue(wireType, data),
  }));
}

function fieldValue(wireType: WireType, data: Uint8Array): Omit<UnknownField, 'field'> {
  const reader = new BinaryReader(data);
  switch (wireType) {
    case WireType.Varint:
      return { wire: 'varint', value: `${reader.uint64()}` };
    case WireType.Bit64:
      return { wire: '64-bit', value: `${reader.fixed64()}` };
    case WireType.Bit32:
      return { wire: '32-bit', value: `${reader.fixed32()}` };
    case WireType.LengthDelimited: {
      const bytes = reader.bytes();
      const text = textOf(bytes);
      return text === undefined ? { wire: 'bytes', length: bytes.length } : { wire: 'bytes', value: text };
    }
    default:
      return { wire: 'group', length: data.length };
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Bytes that are a message are often text by chance, but for its control characters. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(bytes);
    return /(?![\n\r\t])\p{Cc}/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
