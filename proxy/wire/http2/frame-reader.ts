import type { Field } from '../field.ts';
import type { FieldTable } from '../field-table.ts';
import { chunkOf } from '../small-chunk.ts';
import { ErrorCode, resetByPeer } from '../stream.ts';
import type { AbuseBudget } from './abuse-budget.ts';
import { ConnectionError, Flag, FrameType, maxWindowBytes, uint32, writeFrame, writeWindowUpdate } from './frame.ts';
import { HeaderBlock } from './header-block.ts';
import { MalformedMessage } from './message.ts';
import type { Output } from './output.ts';
import type { PeerSettings } from './peer-settings.ts';
import type { Http2Settings } from './settings.ts';
import type { StreamTable } from './stream-table.ts';

/** What a connection makes of what its frames say. */
export interface FrameHandler {
  /** A message's head, or trailers, have come for `id`; `fields` is undefined when they were more than the limit. */
  onHeaders(id: number, fields: Field[] | undefined, end: boolean): void;
  /** The peer has (other) settings: how many streams it allows may have changed. */
  onPeerSettings(): void;
  /** The peer will not process streams above `lastStreamId`, and takes no new ones. */
  onGoAway(lastStreamId: number, code: ErrorCode): void;
  /** The answer to a PING of ours; `filling` is what its bytes were. */
  onPong(filling: number): void;
  /** True if the peer may not have used `id` yet. */
  isIdle(id: number): boolean;
  /** True if `id` is one that the peer opens. */
  isPeerStream(id: number): boolean;
}

/** The receiving half of an HTTP/2 connection: what each frame means (RFC 9113 section 6). */
export class FrameReader {
  readonly block: HeaderBlock;
  private readonly handler: FrameHandler;
  private readonly streams: StreamTable;
  private readonly output: Output;
  private readonly peer: PeerSettings;
  private readonly abuse: AbuseBudget;
  private readonly windowBytes: number;
  private receiveWindow: number;
  private uncredited = 0;

  constructor(
    handler: FrameHandler,
    streams: StreamTable,
    peer: PeerSettings,
    abuse: AbuseBudget,
    fields: FieldTable,
    settings: Http2Settings,
  ) {
    this.handler = handler;
    this.streams = streams;
    this.output = streams.output;
    this.peer = peer;
    this.abuse = abuse;
    this.block = new HeaderBlock(fields, settings.maxHeaderListBytes);
    this.windowBytes = settings.connectionWindowBytes;
    this.receiveWindow = settings.connectionWindowBytes;
  }

  /** Takes the frame whose payload is `bytes[start, end)`. Throws a ConnectionError when it breaks the connection. */
  take(bytes: Uint8Array, type: number, flags: number, id: number, start: number, end: number): void {
    if (this.block.open && (type !== FrameType.continuation || id !== this.block.streamId)) {
      throw new ConnectionError(ErrorCode.protocolError, 'frame inside a header block');
    }
    if (!this.peer.seen && (type !== FrameType.settings || (flags & Flag.ack) !== 0)) {
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
        if (end - start !== 5) this.streams.refuse(id, ErrorCode.frameSizeError, 'PRIORITY of a wrong size');
        else if (uint32(bytes, start) % 0x80000000 === id)
          this.streams.refuse(id, ErrorCode.protocolError, 'stream that depends on itself');
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
        this.handler.onGoAway(uint32(bytes, start) & 0x7fffffff, uint32(bytes, start + 4) as ErrorCode);
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
    if (this.uncredited >= this.windowBytes / 2) this.creditConnection();
    const ends = (flags & Flag.endStream) !== 0;
    // Padding alone is as empty as nothing at all.
    if (from === to && !ends) this.abuse.control();
    const stream = this.streams.get(id);
    if (stream === undefined || stream.remoteEnded) {
      if (this.handler.isIdle(id)) throw new ConnectionError(ErrorCode.protocolError, 'DATA on an idle stream');
      // What was on its way to a stream that we reset is dropped, the rest is told off.
      if (stream !== undefined || !this.abuse.late(length, ends))
        this.streams.refuse(id, ErrorCode.streamClosed, 'DATA behind the end');
      return;
    }
    if (stream.awaitsResponse) {
      this.streams.refuse(id, ErrorCode.protocolError, 'DATA before the response');
      return;
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) {
      this.streams.refuse(id, ErrorCode.flowControlError, 'stream window exceeded');
      return;
    }
    const bodyBytes = to - from;
    if (stream.expectedBytes >= 0) {
      stream.expectedBytes -= bodyBytes;
      if (stream.expectedBytes < 0 || (ends && stream.expectedBytes > 0)) {
        this.streams.refuse(id, ErrorCode.protocolError, 'body differs from its content-length');
        return;
      }
    }
    const unreadBytes = stream.unwanted ? length : length - bodyBytes;
    if (unreadBytes > 0 && !ends) this.streams.credit(stream, unreadBytes);
    if (ends) {
      // Some that had their answer before (curl until 8) see that they are done only when something more comes.
      if (stream.unwanted && this.uncredited > 0) this.creditConnection();
      this.streams.endRemote(stream);
    }
    if (bodyBytes > 0 || ends) stream.handler?.onData(chunkOf(bytes, from, to), ends);
  }

  /** Gives the peer back what it has used of the connection's window. */
  private creditConnection(): void {
    writeWindowUpdate(this.output.buffer, 0, this.uncredited);
    this.receiveWindow += this.uncredited;
    this.uncredited = 0;
    this.output.schedule();
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
      this.handler.onHeaders(id, fields, this.block.endStream);
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      if (this.streams.get(id) !== undefined) this.streams.refuse(id, ErrorCode.protocolError, error.message);
      else this.streams.refuseNew(id, this.block.endStream, ErrorCode.protocolError, error.message);
    }
  }

  private onRstStreamFrame(bytes: Uint8Array, id: number, start: number, end: number): void {
    if (id === 0) throw new ConnectionError(ErrorCode.protocolError, 'RST_STREAM on stream 0');
    if (end - start !== 4) throw new ConnectionError(ErrorCode.frameSizeError, 'RST_STREAM of a wrong size');
    if (this.handler.isIdle(id)) throw new ConnectionError(ErrorCode.protocolError, 'RST_STREAM on an idle stream');
    const stream = this.streams.get(id);
    if (stream === undefined) {
      // It may have crossed with a reset of ours.
      if (!this.abuse.late(0, true)) this.abuse.reset();
      return;
    }
    // Behind the whole answer only the rest of a request is given up, by either side (RFC 9113 section 8.1).
    const answered = this.handler.isPeerStream(id) ? stream.localEnded : stream.remoteEnded;
    if (!answered) this.abuse.reset();
    const code = uint32(bytes, start) as ErrorCode;
    if (code !== ErrorCode.refusedStream) this.streams.died(stream, code, resetByPeer);
    else this.streams.refusedByPeer(stream, resetByPeer);
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
    this.peer.apply(bytes, start, end);
    writeFrame(this.output.buffer, FrameType.settings, Flag.ack, 0, 0);
    this.output.schedule();
    this.handler.onPeerSettings();
    this.output.pump();
  }

  private onPingFrame(bytes: Uint8Array, flags: number, id: number, start: number, end: number): void {
    if (id !== 0) throw new ConnectionError(ErrorCode.protocolError, 'PING on a stream');
    if (end - start !== 8) throw new ConnectionError(ErrorCode.frameSizeError, 'PING of a wrong size');
    if ((flags & Flag.ack) !== 0) {
      this.handler.onPong(bytes[start]);
      return;
    }
    this.abuse.control();
    const at = writeFrame(this.output.buffer, FrameType.ping, Flag.ack, 0, 8);
    this.output.buffer.bytes.set(bytes.subarray(start, end), at);
    this.output.schedule();
  }

  private onWindowUpdateFrame(bytes: Uint8Array, id: number, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(ErrorCode.frameSizeError, 'WINDOW_UPDATE of a wrong size');
    const increment = uint32(bytes, start) & 0x7fffffff;
    this.abuse.windowUpdate();
    if (id === 0) {
      if (increment === 0) throw new ConnectionError(ErrorCode.protocolError, 'WINDOW_UPDATE of 0');
      this.output.windowBytes += increment;
      if (this.output.windowBytes > maxWindowBytes)
        throw new ConnectionError(ErrorCode.flowControlError, 'connection window overflow');
    } else {
      const stream = this.streams.get(id);
      if (stream === undefined) {
        if (this.handler.isIdle(id))
          throw new ConnectionError(ErrorCode.protocolError, 'WINDOW_UPDATE on an idle stream');
        return;
      }
      if (increment === 0) {
        this.streams.refuse(id, ErrorCode.protocolError, 'WINDOW_UPDATE of 0');
        return;
      }
      stream.sendWindow += increment;
      if (stream.sendWindow > maxWindowBytes) {
        this.streams.refuse(id, ErrorCode.flowControlError, 'stream window overflow');
        return;
      }
    }
    if (this.output.queued.size > 0) this.output.pump();
  }
}
