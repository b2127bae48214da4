import { ErrorCode } from '../stream.ts';
import { ConnectionError, maxFrameBytes, maxWindowBytes, Setting, uint32 } from './frame.ts';
import type { StreamTable } from './stream-table.ts';

/** Streams that are opened at a time to a peer that names no limit: RFC 9113 section 6.5.2 advises none lower. */
const defaultMaxStreams = 100;

/** What the peer has said in SETTINGS that holds for more than what is sent (RFC 9113 section 6.5.2). */
export class PeerSettings {
  /** Its first SETTINGS have come. */
  seen = false;
  /** Streams that we may have open; 0 until its SETTINGS have come. */
  maxStreams = 0;
  /** It takes extended CONNECT (RFC 8441 section 3). */
  connectProtocol = false;
  private readonly streams: StreamTable;

  constructor(streams: StreamTable) {
    this.streams = streams;
  }

  /** Takes the entries of a SETTINGS frame. */
  apply(bytes: Uint8Array, start: number, end: number): void {
    if (!this.seen) this.maxStreams = defaultMaxStreams;
    this.seen = true;
    for (let at = start; at < end; at += 6) this.set((bytes[at] << 8) | bytes[at + 1], uint32(bytes, at + 2));
  }

  private set(id: number, value: number): void {
    const { output } = this.streams;
    switch (id) {
      case Setting.headerTableSize:
        output.encoder.setTableLimit(value);
        break;
      case Setting.enablePush:
        if (value > 1) throw new ConnectionError(ErrorCode.protocolError, 'invalid ENABLE_PUSH');
        break;
      case Setting.maxConcurrentStreams:
        this.maxStreams = value;
        break;
      case Setting.initialWindowSize:
        this.setWindow(value);
        break;
      case Setting.maxFrameSize:
        if (value < maxFrameBytes || value > 0xffffff)
          throw new ConnectionError(ErrorCode.protocolError, 'invalid MAX_FRAME_SIZE');
        output.maxFrame = Math.min(value, maxFrameBytes);
        break;
      case Setting.enableConnectProtocol:
        if (value > 1 || (value === 0 && this.connectProtocol))
          throw new ConnectionError(ErrorCode.protocolError, 'invalid ENABLE_CONNECT_PROTOCOL');
        this.connectProtocol = value === 1;
        break;
      default:
      // Unknown settings are ignored (section 6.5.2).
    }
  }

  private setWindow(bytes: number): void {
    if (bytes > maxWindowBytes) throw new ConnectionError(ErrorCode.flowControlError, 'invalid INITIAL_WINDOW_SIZE');
    const change = bytes - this.streams.sendWindowBytes;
    this.streams.sendWindowBytes = bytes;
    for (const stream of this.streams.open.values()) {
      stream.sendWindow += change;
      if (stream.sendWindow > maxWindowBytes)
        throw new ConnectionError(ErrorCode.flowControlError, 'stream window overflow');
    }
  }
}
