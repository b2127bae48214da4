import type { Field } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { OutputBuffer } from '../output-buffer.ts';
import { chunkOf } from '../small-chunk.ts';
import { ErrorCode, type RequestHead, type ResponseHead } from '../stream.ts';
import type { Flushable, Transport, TransportHandler, Turn } from '../transport.ts';
import { AbuseBudget } from './abuse-budget.ts';
import {
  ConnectionError,
  defaultWindowBytes,
  Flag,
  FrameType,
  frameHeaderBytes,
  maxFrameBytes,
  maxWindowBytes,
  Setting,
  uint32,
  writeFrame,
  writeGoAway,
  writeRstStream,
  writeSettings,
  writeWindowUpdate,
} from './frame.ts';
import { HpackDecoder, HpackError } from './hpack/decoder.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import { Http2Stream } from './http2-stream.ts';
import {
  checkTrailers,
  encodeFields,
  encodeRequest,
  encodeResponse,
  MalformedMessage,
  PseudoFields,
} from './message.ts';

export interface Http2Settings {
  /** Receive window of each stream, in bytes. Default 65,535. */
  streamWindowBytes: number;
  /** Receive window of the connection, in bytes. Default 1 MiB. */
  connectionWindowBytes: number;
  /** Streams that the peer may have open. Default 1,000. */
  maxConcurrentStreams: number;
  /** Decoded size of a header list, in bytes. Default 64 KiB. */
  maxHeaderListBytes: number;
}

export const defaultHttp2Settings: Http2Settings = {
  streamWindowBytes: defaultWindowBytes,
  connectionWindowBytes: 1024 * 1024,
  maxConcurrentStreams: 1000,
  maxHeaderListBytes: 64 * 1024,
};

export interface Http2SessionOptions {
  transport: Transport;
  turn: Turn;
  fields: FieldTable;
  settings?: Partial<Http2Settings>;
  /** The connection broke a rule and was closed for it. */
  onProtocolError?: (reason: string) => void;
}

/** Control output that a peer may make us hold by not reading it. */
const maxUnreadBytes = 1024 * 1024;
const nothing = new Uint8Array(0);
/** What our PINGs are filled with: the answer tells which one it is for. */
const drainPing = 0x74;
const keepAlivePing = 0x6b;

/**
 * What the two sides of an HTTP/2 connection share: frames, header compression, flow control and stream states
 * (RFC 9113). No I/O and no clock: bytes come in by `onBytes`, and go out with one write a turn by `flush`.
 *
 * Receive credit of the connection is given back as soon as bytes are read, that of a stream only when they have been
 * passed on: so a stalled stream holds up to its own window in memory, but never the connection.
 */
export abstract class Http2Session implements TransportHandler, Flushable {
  scheduled = false;
  protected readonly transport: Transport;
  protected readonly out = new OutputBuffer();
  protected readonly streams = new Map<number, Http2Stream>();
  protected readonly settings: Http2Settings;
  protected readonly encoder = new HpackEncoder();
  protected readonly pseudo = new PseudoFields();
  protected peerMaxStreams = 100;
  protected lastPeerStreamId = 0;
  protected goAwaySent = false;
  protected goAwayReceived = false;
  protected closed = false;
  private readonly turn: Turn;
  private readonly decoder: HpackDecoder;
  private readonly onProtocolError: ((reason: string) => void) | undefined;
  private readonly abuse = new AbuseBudget();
  private readonly queued = new Set<Http2Stream>();
  private unsentStreams: Http2Stream[] = [];
  private held: Uint8Array = nothing;
  private sendWindow = defaultWindowBytes;
  private receiveWindow: number;
  private connectionUncredited = 0;
  private peerStreamWindow = defaultWindowBytes;
  private peerMaxFrame = maxFrameBytes;
  private settingsSeen = false;
  private finalGoAwayDue = false;
  private finishing = false;
  private block: Uint8Array[] | undefined = undefined;
  private blockBytes = 0;
  private blockStreamId = 0;
  private blockEndStream = false;

  constructor(options: Http2SessionOptions, own: readonly (readonly [number, number])[]) {
    this.transport = options.transport;
    this.turn = options.turn;
    this.onProtocolError = options.onProtocolError;
    this.settings = { ...defaultHttp2Settings, ...options.settings };
    this.decoder = new HpackDecoder(options.fields);
    this.receiveWindow = this.settings.connectionWindowBytes;
    writeSettings(this.out, [
      ...own,
      [Setting.initialWindowSize, this.settings.streamWindowBytes],
      [Setting.maxHeaderListSize, this.settings.maxHeaderListBytes],
    ]);
    const extra = this.settings.connectionWindowBytes - defaultWindowBytes;
    if (extra > 0) writeWindowUpdate(this.out, 0, extra);
    this.turn.schedule(this);
  }

  /** The whole of a message's head, or a client's trailers, has come for `id`. */
  protected abstract onHeaders(id: number, fields: Field[] | undefined, end: boolean): void;
  protected abstract onStreamClosed(stream: Http2Stream): void;
  /** The peer has (other) settings: `peerMaxStreams` may have changed. */
  protected abstract onPeerSettings(): void;
  protected abstract onConnectionClosed(error: Error | undefined): void;
  /** True if the peer may not have used `id` yet. */
  protected abstract isIdle(id: number): boolean;

  get activeStreams(): number {
    return this.streams.size;
  }

  onBytes(chunk: Uint8Array): void {
    if (this.closed || this.finishing) return;
    let bytes = chunk;
    if (this.held.length > 0) {
      bytes = new Uint8Array(this.held.length + chunk.length);
      bytes.set(this.held);
      bytes.set(chunk, this.held.length);
      this.held = nothing;
    }
    let at = 0;
    try {
      at = this.takePreface(bytes);
      if (at < 0) at = 0;
      else {
        while (!this.closed && !this.finishing && bytes.length - at >= frameHeaderBytes) {
          const length = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
          if (length > maxFrameBytes)
            throw new ConnectionError(ErrorCode.frameSizeError, 'frame larger than the limit');
          const end = at + frameHeaderBytes + length;
          if (end > bytes.length) break;
          const id = uint32(bytes, at + 5) & 0x7fffffff;
          this.frame(bytes, bytes[at + 3], bytes[at + 4], id, at + frameHeaderBytes, end);
          at = end;
        }
      }
    } catch (error) {
      this.fail(error);
      return;
    }
    if (at < bytes.length) this.held = bytes === chunk ? bytes.slice(at) : bytes.subarray(at);
  }

  onDrain(): void {
    this.reportSent();
    this.pump();
    if (this.out.length > 0 || this.finishing) this.turn.schedule(this);
  }

  onEnd(): void {
    // A peer that has ended cannot read our windows' updates: nothing under way can finish.
    this.transport.close();
  }

  onClose(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    const streams = [...this.streams.values()];
    this.streams.clear();
    this.queued.clear();
    for (const stream of streams) {
      stream.reset_ = true;
      stream.handler?.onReset(ErrorCode.cancel, 'connection closed');
    }
    this.onConnectionClosed(error);
  }

  flush(): void {
    if (this.closed) return;
    if (this.out.length > 0) {
      if (this.transport.blocked && this.out.length < maxUnreadBytes && !this.finishing) return;
      if (this.transport.blocked && !this.finishing) {
        this.transport.abort();
        return;
      }
      if (!this.out.writeTo(this.transport)) return;
    }
    this.reportSent();
    if (this.finishing) this.transport.close();
  }

  /** Takes no new streams, lets those under way finish, then closes. */
  drain(): void {
    if (this.closed || this.goAwaySent) return;
    this.goAwaySent = true;
    // Streams that the peer opened before it learns of this are still served: the last id follows a round trip later.
    writeGoAway(this.out, 0x7fffffff, ErrorCode.noError, '');
    writeFrame(this.out, FrameType.ping, 0, 0, 8);
    this.out.bytes.fill(drainPing, this.out.length - 8, this.out.length);
    this.finalGoAwayDue = true;
    this.turn.schedule(this);
    this.closeIfDone();
  }

  /** Asks the peer for a sign of life: it must answer. */
  ping(): void {
    if (this.closed) return;
    writeFrame(this.out, FrameType.ping, 0, 0, 8);
    this.out.bytes.fill(keepAlivePing, this.out.length - 8, this.out.length);
    this.turn.schedule(this);
  }

  close(): void {
    if (!this.closed) this.transport.close();
  }

  /** @internal */
  writeRequest(stream: Http2Stream, head: RequestHead, end: boolean): void {
    const start = this.beginHeaders();
    encodeRequest(this.out, this.encoder, this.pseudo, head);
    this.endHeaders(start, stream, end);
  }

  /** @internal */
  writeResponse(stream: Http2Stream, head: ResponseHead, end: boolean): void {
    const start = this.beginHeaders();
    encodeResponse(this.out, this.encoder, this.pseudo, head);
    this.endHeaders(start, stream, end);
  }

  /** @internal */
  writeTrailers(stream: Http2Stream, fields: Field[]): void {
    const start = this.beginHeaders();
    this.encoder.begin(this.out);
    encodeFields(this.out, this.encoder, fields);
    this.endHeaders(start, stream, true);
  }

  /** @internal */
  sendData(stream: Http2Stream, chunk: Uint8Array, end: boolean): void {
    let at = 0;
    if (stream.queue === undefined) {
      at = this.writeData(stream, chunk, 0, end);
      if (at === chunk.length && (chunk.length > 0 || stream.localEnded || !end)) return;
      stream.queue = [];
      this.queued.add(stream);
    }
    if (at < chunk.length) stream.queue.push(chunk.slice(at));
    if (end) stream.queueEnd = true;
  }

  /** @internal */
  resetStream(stream: Http2Stream, code: ErrorCode): void {
    stream.reset_ = true;
    writeRstStream(this.out, stream.id, code);
    this.turn.schedule(this);
    this.forget(stream);
  }

  /** @internal */
  creditStream(stream: Http2Stream, bytes: number): void {
    stream.uncredited += bytes;
    if (stream.uncredited < this.settings.streamWindowBytes / 2) return;
    writeWindowUpdate(this.out, stream.id, stream.uncredited);
    stream.receiveWindow += stream.uncredited;
    stream.uncredited = 0;
    this.turn.schedule(this);
  }

  protected openStream(id: number): Http2Stream {
    const stream = new Http2Stream(this, id, this.peerStreamWindow, this.settings.streamWindowBytes);
    this.streams.set(id, stream);
    return stream;
  }

  /** Where a subclass expects a preface: the offset behind it, or -1 when it is not complete. */
  protected takePreface(_bytes: Uint8Array): number {
    return 0;
  }

  protected endRemote(stream: Http2Stream): void {
    stream.remoteEnded = true;
    if (stream.expectedBytes > 0) throw new MalformedMessage('body shorter than its content-length');
    if (stream.localEnded) {
      this.abuse.completed();
      this.forget(stream);
    }
  }

  /** Resets a stream whose message is malformed. */
  protected refuse(id: number, code: ErrorCode, reason: string): void {
    this.abuse.refused();
    const stream = this.streams.get(id);
    writeRstStream(this.out, id, code);
    this.turn.schedule(this);
    if (stream === undefined) return;
    stream.reset_ = true;
    this.forget(stream);
    stream.handler?.onReset(code, reason);
  }

  private frame(bytes: Uint8Array, type: number, flags: number, id: number, start: number, end: number): void {
    if (this.block !== undefined && (type !== FrameType.continuation || id !== this.blockStreamId)) {
      throw new ConnectionError(ErrorCode.protocolError, 'frame inside a header block');
    }
    if (!this.settingsSeen) {
      if (type !== FrameType.settings || (flags & Flag.ack) !== 0) {
        throw new ConnectionError(ErrorCode.protocolError, 'the first frame is not SETTINGS');
      }
      this.settingsSeen = true;
    }
    switch (type) {
      case FrameType.data:
        this.onDataFrame(bytes, flags, id, start, end);
        break;
      case FrameType.headers:
        this.onHeadersFrame(bytes, flags, id, start, end);
        break;
      case FrameType.continuation:
        if (this.block === undefined)
          throw new ConnectionError(ErrorCode.protocolError, 'CONTINUATION without HEADERS');
        this.addToBlock(bytes, start, end, flags);
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
    this.connectionUncredited += length;
    if (this.connectionUncredited >= this.settings.connectionWindowBytes / 2) {
      writeWindowUpdate(this.out, 0, this.connectionUncredited);
      this.receiveWindow += this.connectionUncredited;
      this.connectionUncredited = 0;
      this.turn.schedule(this);
    }
    const ends = (flags & Flag.endStream) !== 0;
    if (length === 0 && !ends) this.abuse.control();
    const stream = this.streams.get(id);
    if (stream === undefined || stream.remoteEnded) {
      if (this.isIdle(id)) throw new ConnectionError(ErrorCode.protocolError, 'DATA on an idle stream');
      // A stream that we reset, or forgot: what was on its way is dropped, the rest told off.
      if (stream !== undefined || ends || this.abuse.late())
        this.refuse(id, ErrorCode.streamClosed, 'DATA behind the end');
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
    if (bodyBytes < length) this.creditStream(stream, length - bodyBytes);
    if (ends) this.endRemote(stream);
    stream.handler?.onData(chunkOf(bytes, from, to), ends);
  }

  private onHeadersFrame(bytes: Uint8Array, flags: number, id: number, start: number, end: number): void {
    if (id === 0) throw new ConnectionError(ErrorCode.protocolError, 'HEADERS on stream 0');
    let from = start;
    let to = end;
    if ((flags & Flag.padded) !== 0) {
      to -= bytes[from];
      from += 1;
    }
    if ((flags & Flag.priority) !== 0) {
      if (from + 5 <= to && uint32(bytes, from) % 0x80000000 === id) {
        throw new ConnectionError(ErrorCode.protocolError, 'stream that depends on itself');
      }
      from += 5;
    }
    if (from > to) throw new ConnectionError(ErrorCode.protocolError, 'padding longer than its frame');
    this.blockStreamId = id;
    this.blockEndStream = (flags & Flag.endStream) !== 0;
    if ((flags & Flag.endHeaders) !== 0) this.decodeBlock(bytes, from, to);
    else {
      this.block = [];
      this.blockBytes = 0;
      this.addToBlock(bytes, from, to, 0);
    }
  }

  private addToBlock(bytes: Uint8Array, from: number, to: number, flags: number): void {
    const block = this.block as Uint8Array[];
    block.push(bytes.slice(from, to));
    this.blockBytes += to - from;
    // Many small frames cost more than they carry: both the bytes and the frames are bounded.
    if (this.blockBytes > 4 * this.settings.maxHeaderListBytes || block.length > 64) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'header block too large');
    }
    if ((flags & Flag.endHeaders) === 0) return;
    this.block = undefined;
    const whole = block.length === 1 ? block[0] : Buffer.concat(block);
    this.decodeBlock(whole, 0, whole.length);
  }

  private decodeBlock(bytes: Uint8Array, from: number, to: number): void {
    const fields: Field[] = [];
    let fits: boolean;
    try {
      fits = this.decoder.decode(bytes, from, to, fields, this.settings.maxHeaderListBytes);
    } catch (error) {
      if (error instanceof HpackError) throw new ConnectionError(ErrorCode.compressionError, error.message);
      throw error;
    }
    const id = this.blockStreamId;
    const end = this.blockEndStream;
    try {
      this.onHeaders(id, fits ? fields : undefined, end);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.refuse(id, ErrorCode.protocolError, error.message);
    }
  }

  /** Trailers have come for an open stream. */
  protected onTrailers(stream: Http2Stream, fields: Field[], end: boolean): void {
    if (!end) throw new MalformedMessage('trailers without the end of the stream');
    checkTrailers(fields);
    this.endRemote(stream);
    stream.handler?.onTrailers(fields);
  }

  private onRstStreamFrame(bytes: Uint8Array, id: number, start: number, end: number): void {
    if (id === 0) throw new ConnectionError(ErrorCode.protocolError, 'RST_STREAM on stream 0');
    if (end - start !== 4) throw new ConnectionError(ErrorCode.frameSizeError, 'RST_STREAM of a wrong size');
    if (this.isIdle(id)) throw new ConnectionError(ErrorCode.protocolError, 'RST_STREAM on an idle stream');
    this.abuse.reset();
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    stream.reset_ = true;
    this.forget(stream);
    stream.handler?.onReset(uint32(bytes, start) as ErrorCode, 'reset by the peer');
  }

  private onSettingsFrame(bytes: Uint8Array, flags: number, id: number, start: number, end: number): void {
    if (id !== 0) throw new ConnectionError(ErrorCode.protocolError, 'SETTINGS on a stream');
    if ((flags & Flag.ack) !== 0) {
      if (end !== start) throw new ConnectionError(ErrorCode.frameSizeError, 'SETTINGS acknowledgement with a payload');
      return;
    }
    if ((end - start) % 6 !== 0) throw new ConnectionError(ErrorCode.frameSizeError, 'SETTINGS of a wrong size');
    this.abuse.control();
    for (let at = start; at < end; at += 6) this.applySetting((bytes[at] << 8) | bytes[at + 1], uint32(bytes, at + 2));
    writeFrame(this.out, FrameType.settings, Flag.ack, 0, 0);
    this.turn.schedule(this);
    this.pump();
    this.onPeerSettings();
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
    for (const stream of [...this.streams.values()]) {
      // Ours that the peer will not process may be tried elsewhere.
      if (stream.id <= lastStreamId || this.isPeerStream(stream.id)) continue;
      stream.reset_ = true;
      this.forget(stream);
      stream.handler?.onReset(ErrorCode.refusedStream, 'the peer goes away');
    }
    if (code !== ErrorCode.noError) this.transport.close();
    else this.closeIfDone();
  }

  protected abstract isPeerStream(id: number): boolean;

  /** Writes as much of `chunk` from `at` as windows and socket allow. Returns how far it came. */
  private writeData(stream: Http2Stream, chunk: Uint8Array, from: number, end: boolean): number {
    let at = from;
    if (this.transport.blocked) return at;
    do {
      const room = Math.min(chunk.length - at, this.peerMaxFrame, stream.sendWindow, this.sendWindow);
      if (room <= 0 && at < chunk.length) return at;
      const last = end && at + room === chunk.length;
      if (room === 0 && !last) return at;
      const payload = writeFrame(this.out, FrameType.data, last ? Flag.endStream : 0, stream.id, room);
      if (room > 0) this.out.bytes.set(room === chunk.length ? chunk : chunk.subarray(at, at + room), payload);
      at += room;
      stream.sendWindow -= room;
      this.sendWindow -= room;
      if (room > 0) {
        if (stream.unsent === 0) this.unsentStreams.push(stream);
        stream.unsent += room;
      }
      this.turn.schedule(this);
      if (last) this.endLocal(stream);
    } while (at < chunk.length);
    return at;
  }

  /** Goes on with what waits, a frame's worth of each stream in turn. */
  private pump(): void {
    let progress = true;
    while (progress && this.queued.size > 0 && !this.transport.blocked) {
      progress = false;
      for (const stream of this.queued) {
        const queue = stream.queue as Uint8Array[];
        if (queue.length > 0) {
          const chunk = queue[0];
          const last = stream.queueEnd && stream.queueTrailers === undefined && queue.length === 1;
          const at = this.writeData(stream, chunk, 0, last);
          if (at === 0 && chunk.length > 0) continue;
          progress = true;
          if (at < chunk.length) queue[0] = chunk.subarray(at);
          else queue.shift();
          if (queue.length > 0) continue;
        }
        this.queued.delete(stream);
        stream.queue = undefined;
        if (stream.localEnded) continue;
        if (stream.queueTrailers !== undefined) this.writeTrailers(stream, stream.queueTrailers);
        else if (stream.queueEnd) this.writeData(stream, nothing, 0, true);
      }
    }
  }

  private beginHeaders(): number {
    const start = this.out.length;
    this.out.reserve(frameHeaderBytes);
    this.out.length = start + frameHeaderBytes;
    return start;
  }

  /** Puts the frame headers to the block that was encoded from `start` on; a large one is cut into CONTINUATIONs. */
  private endHeaders(start: number, stream: Http2Stream, end: boolean): void {
    const blockBytes = this.out.length - start - frameHeaderBytes;
    const flags = end ? Flag.endStream : 0;
    const { id } = stream;
    if (blockBytes <= this.peerMaxFrame) {
      this.out.length = start;
      writeFrame(this.out, FrameType.headers, flags | Flag.endHeaders, id, blockBytes);
    } else {
      const block = this.out.bytes.slice(start + frameHeaderBytes, this.out.length);
      this.out.length = start;
      for (let at = 0; at < blockBytes; at += this.peerMaxFrame) {
        const part = block.subarray(at, at + this.peerMaxFrame);
        const last = at + part.length === blockBytes ? Flag.endHeaders : 0;
        const type = at === 0 ? FrameType.headers : FrameType.continuation;
        this.out.bytes.set(part, writeFrame(this.out, type, (at === 0 ? flags : 0) | last, id, part.length));
      }
    }
    this.turn.schedule(this);
    if (end) this.endLocal(stream);
  }

  private endLocal(stream: Http2Stream): void {
    stream.localEnded = true;
    if (stream.remoteEnded) {
      this.abuse.completed();
      this.forget(stream);
    }
  }

  private forget(stream: Http2Stream): void {
    if (!this.streams.delete(stream.id)) return;
    if (stream.queue !== undefined) {
      this.queued.delete(stream);
      stream.queue = undefined;
    }
    this.onStreamClosed(stream);
    this.closeIfDone();
  }

  private closeIfDone(): void {
    if (this.streams.size > 0 || this.closed || this.finishing) return;
    if (!this.goAwayReceived && (!this.goAwaySent || this.finalGoAwayDue)) return;
    this.finishing = true;
    this.turn.schedule(this);
  }

  private reportSent(): void {
    if (this.unsentStreams.length === 0) return;
    const streams = this.unsentStreams;
    this.unsentStreams = [];
    for (let i = 0; i < streams.length; i++) {
      const stream = streams[i];
      const bytes = stream.unsent;
      stream.unsent = 0;
      if (!stream.reset_) stream.handler?.onSent(bytes);
    }
  }

  private fail(error: unknown): void {
    if (!(error instanceof ConnectionError)) throw error;
    this.onProtocolError?.(error.message);
    writeGoAway(this.out, this.lastPeerStreamId, error.code, error.message);
    this.finishing = true;
    this.turn.schedule(this);
    for (const stream of [...this.streams.values()]) {
      stream.reset_ = true;
      this.streams.delete(stream.id);
      stream.handler?.onReset(ErrorCode.protocolError, error.message);
    }
  }
}
