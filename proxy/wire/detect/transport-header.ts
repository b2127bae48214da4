/**
 * Linkerd's transport header (linkerd/transport-header): on a TLS connection whose ALPN is `transport.l5d.io/v1`, the
 * client's proxy says first which of the application's ports, or which named target, the connection is for.
 *
 *     "transport.l5d.io/v1\r\n\r\n"  u32 length, big endian  protobuf Header
 *     Header { int32 port = 1; string name = 2; SessionProtocol session_protocol = 3 }
 *     SessionProtocol { oneof { Http1 http_1 = 1; Http2 http_2 = 2 } }
 */
export interface TransportHeader {
  /** The application's port. */
  readonly port: number;
  /** Target name, where a gateway is to resolve it; empty otherwise. */
  readonly name: string;
  /** What is spoken behind the header; undefined for an opaque stream. */
  readonly protocol: 'http1' | 'http2' | undefined;
}

export const transportAlpn = 'transport.l5d.io/v1';
const magic = Buffer.from('transport.l5d.io/v1\r\n\r\n', 'latin1');
const maxHeaderBytes = 4 * 1024;

export class TransportHeaderError extends Error {}

export function encodeTransportHeader(header: TransportHeader): Uint8Array {
  const payload: number[] = [];
  if (header.port !== 0) payload.push(0x08, ...varint(header.port));
  if (header.name !== '') {
    const name = Buffer.from(header.name, 'utf8');
    payload.push(0x12, ...varint(name.length), ...name);
  }
  if (header.protocol !== undefined) payload.push(0x1a, 2, header.protocol === 'http1' ? 0x0a : 0x12, 0);
  const bytes = Buffer.alloc(magic.length + 4 + payload.length);
  magic.copy(bytes);
  bytes.writeUInt32BE(payload.length, magic.length);
  bytes.set(payload, magic.length + 4);
  return bytes;
}

/**
 * Reads a header at the start of `bytes`. Returns undefined when it is not complete, else the header and its length.
 * Throws TransportHeaderError on anything else.
 */
export function decodeTransportHeader(bytes: Uint8Array): { header: TransportHeader; length: number } | undefined {
  for (let i = 0; i < Math.min(bytes.length, magic.length); i++) {
    if (bytes[i] !== magic[i]) throw new TransportHeaderError('no transport header');
  }
  const start = magic.length + 4;
  if (bytes.length < start) return undefined;
  const length = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32BE(magic.length);
  if (length > maxHeaderBytes) throw new TransportHeaderError('transport header too large');
  if (bytes.length < start + length) return undefined;
  return { header: readHeader(bytes.subarray(start, start + length)), length: start + length };
}

function readHeader(payload: Uint8Array): TransportHeader {
  let port = 0;
  let name = '';
  let protocol: TransportHeader['protocol'];
  for (const { field, value, bytes } of messageFields(payload)) {
    if (field === 1) port = value;
    else if (field === 2) name = Buffer.from(bytes).toString('utf8');
    else if (field === 3) {
      for (const inner of messageFields(bytes))
        protocol = inner.field === 1 ? 'http1' : inner.field === 2 ? 'http2' : protocol;
    }
  }
  if (port < 0 || port > 65_535 || (port === 0 && name === '')) throw new TransportHeaderError(`invalid port ${port}`);
  return { port, name, protocol };
}

interface ProtobufField {
  field: number;
  value: number;
  bytes: Uint8Array;
}

/** The varint and length-delimited fields of a protobuf message; others do not belong into this one. */
function messageFields(payload: Uint8Array): ProtobufField[] {
  const fields: ProtobufField[] = [];
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= payload.length) throw new TransportHeaderError('transport header cut off');
      const byte = payload[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new TransportHeaderError('number too large in transport header');
  };
  while (at < payload.length) {
    const tag = readVarint();
    const value = readVarint();
    let bytes = payload.subarray(at, at);
    if ((tag & 7) === 2) {
      if (at + value > payload.length) throw new TransportHeaderError('transport header cut off');
      bytes = payload.subarray(at, at + value);
      at += value;
    } else if ((tag & 7) !== 0) throw new TransportHeaderError('unknown field type in transport header');
    fields.push({ field: tag >>> 3, value, bytes });
  }
  return fields;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}
