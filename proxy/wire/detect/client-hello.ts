import { latin1 } from '../latin1.ts';

/** What the first bytes of a connection tell of TLS. */
export type HelloResult =
  | { readonly kind: 'more' }
  | { readonly kind: 'not-tls' }
  | { readonly kind: 'hello'; readonly serverName: string | undefined; readonly alpn: readonly string[] };

const more: HelloResult = { kind: 'more' };
const notTls: HelloResult = { kind: 'not-tls' };

const handshakeRecord = 22;
const clientHello = 1;
const extensionServerName = 0;
const extensionAlpn = 16;

/** A hello may be no larger than this; one that is, is not taken for TLS. */
export const maxHelloBytes = 8 * 1024;

/**
 * Reads a ClientHello (RFC 8446 section 4.1.2) without taking it: records and handshake may be cut anywhere. Anything
 * that cannot become a ClientHello is `not-tls` as early as it shows.
 */
export function parseClientHello(bytes: Uint8Array): HelloResult {
  const message = joinRecords(bytes);
  if (message === undefined) return notTls;
  if (message.length >= 1 && message[0] !== clientHello) return notTls;
  if (message.length < 4) return tooLarge(bytes);
  const length = (message[1] << 16) | (message[2] << 8) | message[3];
  if (length > maxHelloBytes) return notTls;
  if (message.length < 4 + length) return tooLarge(bytes);
  return readHello(message.subarray(4, 4 + length)) ?? notTls;
}

const tooLarge = (bytes: Uint8Array): HelloResult => (bytes.length >= maxHelloBytes ? notTls : more);

/** The payloads of the handshake records, joined; undefined when the bytes are no handshake records. */
function joinRecords(bytes: Uint8Array): Uint8Array | undefined {
  const joined = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== handshakeRecord) return undefined;
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return undefined;
    if (at + 5 > bytes.length) break;
    const recordBytes = (bytes[at + 3] << 8) | bytes[at + 4];
    if (recordBytes === 0 || recordBytes > 1 << 14) return undefined;
    const part = bytes.subarray(at + 5, at + 5 + recordBytes);
    joined.set(part, length);
    length += part.length;
    at += 5 + recordBytes;
    // What follows a complete message is not the hello's business.
    if (length >= 4 && length >= 4 + ((joined[1] << 16) | (joined[2] << 8) | joined[3])) break;
  }
  return joined.subarray(0, length);
}

function readHello(hello: Uint8Array): HelloResult | undefined {
  // legacy_version, random; then three vectors before the extensions.
  let at = 34;
  at += 1 + hello[at];
  at += 2 + ((hello[at] << 8) | hello[at + 1]);
  at += 1 + hello[at];
  if (!(at <= hello.length)) return undefined;
  let serverName: string | undefined;
  let alpn: string[] = [];
  if (at < hello.length) {
    const end = at + 2 + ((hello[at] << 8) | hello[at + 1]);
    if (end !== hello.length) return undefined;
    at += 2;
    while (at < end) {
      if (at + 4 > end) return undefined;
      const type = (hello[at] << 8) | hello[at + 1];
      const length = (hello[at + 2] << 8) | hello[at + 3];
      const from = at + 4;
      at = from + length;
      if (at > end) return undefined;
      if (type === extensionServerName) serverName = readServerName(hello, from, at);
      else if (type === extensionAlpn) alpn = readAlpn(hello, from, at);
    }
  }
  return { kind: 'hello', serverName, alpn };
}

/** The host name of a server_name extension (RFC 6066 section 3). */
function readServerName(hello: Uint8Array, from: number, to: number): string | undefined {
  if (to - from < 5 || hello[from + 2] !== 0) return undefined;
  const length = (hello[from + 3] << 8) | hello[from + 4];
  return from + 5 + length <= to ? latin1(hello, from + 5, from + 5 + length).toLowerCase() : undefined;
}

/** The protocols of an ALPN extension (RFC 7301 section 3.1). */
function readAlpn(hello: Uint8Array, from: number, to: number): string[] {
  const names: string[] = [];
  for (let at = from + 2; at < to; ) {
    const length = hello[at];
    if (length === 0 || at + 1 + length > to) return names;
    names.push(latin1(hello, at + 1, at + 1 + length));
    at += 1 + length;
  }
  return names;
}
