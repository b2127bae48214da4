import type { Field } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { chunkOf } from '../small-chunk.ts';
import { ErrorCode, resetByPeer } from '../stream.ts';
import type { Transport, Turn } from '../transport.ts';
import {
  ConnectionError,
  drainPing,
  Flag,
  FrameType,
  maxFrameBytes,
  maxWindowBytes,
  Setting,
  uint32,
  writeFrame,
  writeGoAway,
  writeWindowUpdate,
} from './frame.ts';
import { HeaderBlock } from './header-block.ts';
import type { Http2Stream } from './http2-stream.ts';
import { MalformedMessage, trailersOf } from './message.ts';
import type { Http2Settings } from './settings.ts';
import { StreamTable } from './stream-table.ts';

/** Streams that are opened at a time to a peer that names no limit: RFC 9113 section 6.5.2 advises none lower. */
const defaultMaxStreams = 100;

/** The receiving half of an HTTP/2 connection: what each frame means (RFC 9113 section 6). */
export abstract class Incoming extends StreamTable {
  protected readonly block: HeaderBlock;
  protected settingsSeen = false;
  /** The peer takes extended CONNECT (RFC 8441 section 3). */
  protected peerConnectProtocol = false;
  private receiveWindow: number;
  private uncredited = 0;

  constructor(transport: Transport, turn: Turn, fields: FieldTable, settings: Http2Settings) {
    super(transport, turn, settings);
    this.block = new HeaderBlock(fields, settings.maxHeaderListBytes);
    this.receiveWindow = settings.connectionWindowBytes;
  }

  /** The whole of a message's head, or a client's trailers, has come for `id`. */
  protected abstract onHeaders(id: number, fields: Field[] | undefined, end: boolean): void;
  /** The peer has (other) settings: `peerMaxStreams` may have changed. */
  protected abstract onPeerSettings(): void;
  /** Ends every stream, and the connection once what is written has left. */
  protected abstract breakOff(code: ErrorCode, reason: string): void;
  /** True if the peer may not have used `id` yet. */
  protected abstract isIdle(id: number): boolean;

  protected frame(bytes: Uint8Array, type: number, flags: number, id: number, start: number, end: number): void {
    if (this.block.open && (type !== FrameType.continuation || id !== this.block.streamId)) {
      throw new ConnectionError(ErrorCode.protocolError, 'frame inside a header block');
    }
    if (!this.settingsSeen && (type !== FrameType.settings || (flags & Flag.ack) !== 0)) {
      throw new ConnectionError(ErrorCode.protocolError, 'the first frame is not SETTINGS');
    }
    switch (type) {
      case FrameType.data:
        this.onDataFrame(bytes, flags, id, start, end);
        break;
      case FrameType.headers:
        this.onHeadersFrame(bytes, flags, id, start, end);
        break;
      case FrameType.continuation:
        this.onContinuationFrame(bytes, flags, start, end);
        break;
      case FrameType.priority:
        if (id === 0) throw new ConnectionError(ErrorCode.protocolError, 'PRIORITY on stream 0');
        if (end - start !== 5) this.refuse(id, ErrorCode.frameSizeError, 'PRIORITY of a wrong size');
        else if (uint32(bytes, start) % 0x80000000 === id)
          this.refuse(id, ErrorCode.protocolError, 'stream that depends on itself');
        this.abuse.control();
        break;
      case FrameType.rstStream:
        this.onRstStreamFrame(bytes, id, start, end);
        break;
      case FrameType.settings:
        this.onSettingsFrame(bytes, flags, id, start, end);
        break;
      case FrameType.pushPromise:
        throw new ConnectionError(ErrorCode.protocolError, 'PUSH_PROMISE, which was not enabled');
      case FrameType.ping:
        this.onPingFrame(bytes, flags, id, start, end);
        break;
      case FrameType.goAway:
        if (id !== 0) throw new ConnectionError(ErrorCode.protocolError, 'GOAWAY on a stream');
        if (end - start < 8) throw new ConnectionError(ErrorCode.frameSizeError, 'GOAWAY of a wrong size');
        this.abuse.control();
        this.onGoAway(uint32(bytes, start) & 0x7fffffff, uint32(bytes, start + 4) as ErrorCode);
        break;
      case FrameType.windowUpdate:
        this.onWindowUpdateFrame(bytes, id, start, end);
        break;
      default:
        // Unknown types are ignored (section 4.1).
        this.abuse.control();
    }
  }

  private onDataFrame(bytes: Uint8Array, flags: number, id: number, start: number, end: number): void {
    if (id === 0) throw new ConnectionError(ErrorCode.protocolError, 'DATA on stream 0');
    const length = end - start;
    let from = start;
    let to = end;
    if ((flags & Flag.padded) !== 0) {
      if (length === 0 || bytes[start] >= length)
        throw new ConnectionError(ErrorCode.protocolError, 'padding longer than its frame');
      from = start + 1;
      to = end - bytes[start];
    }
    this.receiveWindow -= length;
    if (this.receiveWindow < 0) throw new ConnectionError(ErrorCode.flowControlError, 'connection window exceeded');
    this.uncredited += length;
    if (this.uncredited >= this.settings.connectionWindowBytes / 2) {
      writeWindowUpdate(this.out, 0, this.uncredited);
      this.receiveWindow += this.uncredited;
      this.uncredited = 0;
      this.turn.schedule(this);
    }
    const ends = (flags & Flag.endStream) !== 0;
    // Padding alone is as empty as nothing at all.
    if (from === to && !ends) this.abuse.control();
    const stream = this.streams.get(id);
    if (stream === undefined || stream.remoteEnded) {
      if (this.isIdle(id)) throw new ConnectionError(ErrorCode.protocolError, 'DATA on an idle stream');
      // What was on its way to a stream that we reset is dropped, the rest is told off.
      if (stream !== undefined || !this.abuse.late(length, ends))
        this.refuse(id, ErrorCode.streamClosed, 'DATA behind the end');
      return;
    }
    if (stream.awaitsResponse) {
      this.refuse(id, ErrorCode.protocolError, 'DATA before the response');
      return;
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) {
      this.refuse(id, ErrorCode.flowControlError, 'stream window exceeded');
      return;
    }
    const bodyBytes = to - from;
    if (stream.expectedBytes >= 0) {
      stream.expectedBytes -= bodyBytes;
      if (stream.expectedBytes < 0 || (ends && stream.expectedBytes > 0)) {
        this.refuse(id, ErrorCode.protocolError, 'body differs from its content-length');
        return;
      }
    }
    const unreadBytes = stream.unwanted ? length : length - bodyBytes;
    if (unreadBytes > 0 && !ends) this.creditStream(stream, unreadBytes);
    if (ends) this.endRemote(stream);
    if (bodyBytes > 0 || ends) stream.handler?.onData(chunkOf(bytes, from, to), ends);
  }

  private onHeadersFrame(bytes: Uint8Array, flags: number, id: number, start: number, end: number): void {
    const fields: Field[] = [];
    const fits = this.block.begin(bytes, flags, id, start, end, fields);
    if (fits !== undefined) this.onBlock(fits ? fields : undefined);
  }

  private onContinuationFrame(bytes: Uint8Array, flags: number, start: number, end: number): void {
    const fields: Field[] = [];
    const fits = this.block.add(bytes, start, end, flags, fields);
    if (fits !== undefined) this.onBlock(fits ? fields : undefined);
  }

  /** `fields` is undefined when they were more than the limit. */
  private onBlock(fields: Field[] | undefined): void {
    const id = this.block.streamId;
    try {
      this.onHeaders(id, fields, this.block.endStream);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      if (this.streams.get(id) === undefined && !this.block.endStream)
        this.abuse.abandoned(this.settings.streamWindowBytes);
      this.refuse(id, ErrorCode.protocolError, error.message);
    }
  }

  /** Trailers have come for an open stream. */
  protected onTrailers(stream: Http2Stream, fields: Field[], end: boolean): void {
    if (!end) throw new MalformedMessage('trailers without the end of the stream');
    const trailers = trailersOf(fields);
    this.endRemote(stream);
    stream.handler?.onTrailers(trailers);
  }

  private onRstStreamFrame(bytes: Uint8Array, id: number, start: number, end: number): void {
    if (id === 0) throw new ConnectionError(ErrorCode.protocolError, 'RST_STREAM on stream 0');
    if (end - start !== 4) throw new ConnectionError(ErrorCode.frameSizeError, 'RST_STREAM of a wrong size');
    if (this.isIdle(id)) throw new ConnectionError(ErrorCode.protocolError, 'RST_STREAM on an idle stream');
    const stream = this.streams.get(id);
    if (stream === undefined) {
      // It may have crossed with a reset of ours.
      if (!this.abuse.late(0, true)) this.abuse.reset();
      return;
    }
    // Behind the whole answer only the rest of a request is given up, by either side (RFC 9113 section 8.1).
    const answered = this.isPeerStream(id) ? stream.localEnded : stream.remoteEnded;
    if (!answered) this.abuse.reset();
    stream.reset_ = true;
    this.forget(stream);
    const code = uint32(bytes, start) as ErrorCode;
    if (code === ErrorCode.refusedStream) tellRefused(stream, resetByPeer);
    else stream.handler?.onReset(code, resetByPeer);
  }

  private onSettingsFrame(bytes: Uint8Array, flags: number, id: number, start: number, end: number): void {
    if (id !== 0) throw new ConnectionError(ErrorCode.protocolError, 'SETTINGS on a stream');
    if ((flags & Flag.ack) !== 0) {
      if (end !== start) throw new ConnectionError(ErrorCode.frameSizeError, 'SETTINGS acknowledgement with a payload');
      return;
    }
    if ((end - start) % 6 !== 0) throw new ConnectionError(ErrorCode.frameSizeError, 'SETTINGS of a wrong size');
    // Each entry may touch every stream.
    this.abuse.control(1 + (end - start) / 6);
    if (!this.settingsSeen) this.peerMaxStreams = defaultMaxStreams;
    this.settingsSeen = true;
    for (let at = start; at < end; at += 6) this.applySetting((bytes[at] << 8) | bytes[at + 1], uint32(bytes, at + 2));
    writeFrame(this.out, FrameType.settings, Flag.ack, 0, 0);
    this.turn.schedule(this);
    this.onPeerSettings();
    this.pump();
  }

  private applySetting(id: number, value: number): void {
    switch (id) {
      case Setting.headerTableSize:
        this.encoder.setTableLimit(value);
        break;
      case Setting.enablePush:
        if (value > 1) throw new ConnectionError(ErrorCode.protocolError, 'invalid ENABLE_PUSH');
        break;
      case Setting.maxConcurrentStreams:
        this.peerMaxStreams = value;
        break;
      case Setting.initialWindowSize: {
        if (value > maxWindowBytes)
          throw new ConnectionError(ErrorCode.flowControlError, 'invalid INITIAL_WINDOW_SIZE');
        const change = value - this.peerStreamWindow;
        this.peerStreamWindow = value;
        for (const stream of this.streams.values()) {
          stream.sendWindow += change;
          if (stream.sendWindow > maxWindowBytes)
            throw new ConnectionError(ErrorCode.flowControlError, 'stream window overflow');
        }
        break;
      }
      case Setting.maxFrameSize:
        if (value < maxFrameBytes || value > 0xffffff)
          throw new ConnectionError(ErrorCode.protocolError, 'invalid MAX_FRAME_SIZE');
        this.peerMaxFrame = Math.min(value, maxFrameBytes);
        break;
      case Setting.enableConnectProtocol:
        if (value > 1 || (value === 0 && this.peerConnectProtocol))
          throw new ConnectionError(ErrorCode.protocolError, 'invalid ENABLE_CONNECT_PROTOCOL');
        this.peerConnectProtocol = value === 1;
        break;
      default:
      // Unknown settings are ignored (section 6.5.2).
    }
  }

  private onPingFrame(bytes: Uint8Array, flags: number, id: number, start: number, end: number): void {
    if (id !== 0) throw new ConnectionError(ErrorCode.protocolError, 'PING on a stream');
    if (end - start !== 8) throw new ConnectionError(ErrorCode.frameSizeError, 'PING of a wrong size');
    if ((flags & Flag.ack) !== 0) {
      if (this.finalGoAwayDue && bytes[start] === drainPing) {
        this.finalGoAwayDue = false;
        writeGoAway(this.out, this.lastPeerStreamId, ErrorCode.noError, '');
        this.turn.schedule(this);
        this.closeIfDone();
      }
      return;
    }
    this.abuse.control();
    const at = writeFrame(this.out, FrameType.ping, Flag.ack, 0, 8);
    this.out.bytes.set(bytes.subarray(start, end), at);
    this.turn.schedule(this);
  }

  private onWindowUpdateFrame(bytes: Uint8Array, id: number, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(ErrorCode.frameSizeError, 'WINDOW_UPDATE of a wrong size');
    const increment = uint32(bytes, start) & 0x7fffffff;
    this.abuse.windowUpdate();
    if (id === 0) {
      if (increment === 0) throw new ConnectionError(ErrorCode.protocolError, 'WINDOW_UPDATE of 0');
      this.sendWindow += increment;
      if (this.sendWindow > maxWindowBytes)
        throw new ConnectionError(ErrorCode.flowControlError, 'connection window overflow');
    } else {
      const stream = this.streams.get(id);
      if (stream === undefined) {
        if (this.isIdle(id)) throw new ConnectionError(ErrorCode.protocolError, 'WINDOW_UPDATE on an idle stream');
        return;
      }
      if (increment === 0) {
        this.refuse(id, ErrorCode.protocolError, 'WINDOW_UPDATE of 0');
        return;
      }
      stream.sendWindow += increment;
      if (stream.sendWindow > maxWindowBytes) {
        this.refuse(id, ErrorCode.flowControlError, 'stream window overflow');
        return;
      }
    }
    if (this.queued.size > 0) this.pump();
  }

  private onGoAway(lastStreamId: number, code: ErrorCode): void {
    this.goAwayReceived = true;
    for (const stream of this.streams.values()) {
      // Ours that the peer will not process may be tried elsewhere.
      if (stream.id <= lastStreamId || this.isPeerStream(stream.id)) continue;
      stream.reset_ = true;
      this.forget(stream);
      tellRefused(stream, 'the peer goes away');
    }
    if (code !== ErrorCode.noError) this.breakOff(ErrorCode.cancel, 'the peer ends the connection for an error');
    else this.closeIfDone();
  }
}

/** Refused means not looked at, and may be sent again: what has an answer, or a part of it, or is not ours, is broken. */
function tellRefused(stream: Http2Stream, reason: string): void {
  if (stream.awaitsResponse && stream.informationals === 0) stream.handler?.onReset(ErrorCode.refusedStream, reason);
  else stream.handler?.onReset(ErrorCode.internalError, 'refused by the peer though it was under way');
}
