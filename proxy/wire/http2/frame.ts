import type { OutputBuffer } from '../output-buffer.ts';
import type { ErrorCode } from '../stream.ts';

/** Frame types, flags and settings of RFC 9113 sections 6 and 6.5.2, with RFC 8441's extended CONNECT. */
export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const;

export const frameHeaderBytes = 9;
/** The smallest SETTINGS_MAX_FRAME_SIZE, the only size that we take and send. */
export const maxFrameBytes = 16_384;
export const defaultWindowBytes = 65_535;
export const maxWindowBytes = 0x7fff_ffff;
/** What our PINGs are filled with: the answer tells which one it is for. */
export const drainPing = 0x74;
export const keepAlivePing = 0x6b;
export const preface: Uint8Array = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** An error that ends the connection (RFC 9113 section 5.4.1). */
export class ConnectionError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, reason: string) {
    super(reason);
    this.code = code;
  }
}

export function uint32(bytes: Uint8Array, at: number): number {
  return bytes[at] * 0x1000000 + ((bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]);
}

/** Writes a frame header and returns the offset of its payload; `out.length` then stands behind the payload. */
export function writeFrame(
  out: OutputBuffer,
  type: number,
  flags: number,
  streamId: number,
  payloadBytes: number,
): number {
  const at = out.reserve(frameHeaderBytes + payloadBytes);
  putFrameHeader(out.bytes, at, type, flags, streamId, payloadBytes);
  out.length = at + frameHeaderBytes + payloadBytes;
  return at + frameHeaderBytes;
}

export function putFrameHeader(
  bytes: Uint8Array,
  at: number,
  type: number,
  flags: number,
  streamId: number,
  payloadBytes: number,
): void {
  bytes[at] = payloadBytes >>> 16;
  bytes[at + 1] = payloadBytes >>> 8;
  bytes[at + 2] = payloadBytes;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  putUint32(bytes, at + 5, streamId);
}

export function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function writeWindowUpdate(out: OutputBuffer, streamId: number, bytes: number): void {
  const at = writeFrame(out, FrameType.windowUpdate, 0, streamId, 4);
  putUint32(out.bytes, at, bytes);
}

export function writeRstStream(out: OutputBuffer, streamId: number, code: ErrorCode): void {
  const at = writeFrame(out, FrameType.rstStream, 0, streamId, 4);
  putUint32(out.bytes, at, code);
}

export function writeGoAway(out: OutputBuffer, lastStreamId: number, code: ErrorCode, debug: string): void {
  const at = writeFrame(out, FrameType.goAway, 0, 0, 8 + debug.length);
  putUint32(out.bytes, at, lastStreamId);
  putUint32(out.bytes, at + 4, code);
  for (let i = 0; i < debug.length; i++) out.bytes[at + 8 + i] = debug.charCodeAt(i);
}

export function writeSettings(out: OutputBuffer, settings: readonly (readonly [id: number, value: number])[]): void {
  let at = writeFrame(out, FrameType.settings, 0, 0, settings.length * 6);
  for (const [id, value] of settings) {
    out.bytes[at] = id >>> 8;
    out.bytes[at + 1] = id;
    putUint32(out.bytes, at + 2, value);
    at += 6;
  }
}
