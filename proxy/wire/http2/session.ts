import { type Deadlines, defaultDeadlines, Since } from '../deadlines.ts';
import type { Field } from '../field.ts';
import { join } from '../join.ts';
import { closedInResponse, closedUnanswered, ErrorCode, peerSilent } from '../stream.ts';
import type { Flushable, Transport, TransportHandler } from '../transport.ts';
import { AbuseBudget } from './abuse-budget.ts';
import {
  ConnectionError,
  defaultWindowBytes,
  drainPing,
  FrameType,
  frameHeaderBytes,
  keepAlivePing,
  maxFrameBytes,
  Setting,
  uint32,
  writeFrame,
  writeGoAway,
  writeSettings,
  writeWindowUpdate,
} from './frame.ts';
import { type FrameHandler, FrameReader } from './frame-reader.ts';
import type { Http2Stream } from './http2-stream.ts';
import { Output } from './output.ts';
import { PeerSettings } from './peer-settings.ts';
import { defaultHttp2Settings, type Http2SessionOptions, type Http2Settings } from './settings.ts';
import { type StreamOwner, StreamTable } from './stream-table.ts';

/** Control output that a peer may make us hold by not reading it. */
const maxUnreadBytes = 1024 * 1024;
/** Bytes of a client that was told of its error that are read and dropped. */
const lingerBytes = 1024 * 1024;
const nothing = new Uint8Array(0);

/**
 * What the two sides of an HTTP/2 connection share (RFC 9113): its life, from the SETTINGS to the last byte. No I/O and no
 * clock: bytes come in by `onBytes`, go out with one write a turn by `flush`, and time comes by `checkDeadlines`.
 *
 *     FrameReader   frames that come
 *     PeerSettings  what the peer allows
 *     StreamTable   streams and their states
 *     Output        header blocks, DATA within the peer's windows, queues
 *     AbuseBudget   what a peer may make us do for nothing
 */
export abstract class Http2Session implements TransportHandler, Flushable, FrameHandler, StreamOwner {
  scheduled = false;
  protected readonly settings: Http2Settings;
  protected readonly abuse: AbuseBudget;
  protected readonly output: Output;
  protected readonly streams: StreamTable;
  protected readonly peer: PeerSettings;
  /** The last stream that the peer has opened. */
  protected lastPeerStreamId = 0;
  protected goAwaySent = false;
  protected goAwayReceived = false;
  protected closed = false;
  /** Closes once what is written has left. */
  protected finishing = false;
  private readonly reader: FrameReader;
  private readonly transport: Transport;
  private readonly onProtocolError: ((reason: string) => void) | undefined;
  private readonly deadlines: Deadlines;
  private held: Uint8Array = nothing;
  /** Our first GOAWAY has yet to reach the peer; the one that names the last stream comes after. */
  private finalGoAwayDue = false;
  /** An error was told to a client: what it still sends is read and dropped until it has ended, or was told off. */
  private lingers = false;
  private lingered = 0;
  private readonly frameSince = new Since();
  private readonly blockSince = new Since();
  private readonly blockedSince = new Since();
  private readonly finishingSince = new Since();
  private checkedAtMs = -1;
  private gaveUp = false;

  constructor(options: Http2SessionOptions, own: readonly (readonly [number, number])[]) {
    const { transport, turn, fields, budget } = options;
    const settings = { ...defaultHttp2Settings, ...options.settings };
    this.settings = settings;
    this.transport = transport;
    this.abuse = new AbuseBudget(budget);
    this.output = new Output(transport, turn, this, this.abuse, budget);
    this.streams = new StreamTable(this, this.output, this.abuse, settings.streamWindowBytes);
    this.peer = new PeerSettings(this.streams);
    this.reader = new FrameReader(this, this.streams, this.peer, this.abuse, fields, settings);
    this.onProtocolError = options.onProtocolError;
    this.deadlines = options.deadlines ?? defaultDeadlines;
    writeSettings(this.output.buffer, [
      ...own,
      [Setting.initialWindowSize, settings.streamWindowBytes],
      [Setting.maxHeaderListSize, settings.maxHeaderListBytes],
    ]);
    const extra = settings.connectionWindowBytes - defaultWindowBytes;
    if (extra > 0) writeWindowUpdate(this.output.buffer, 0, extra);
    this.output.schedule();
  }

  // What the two sides do differently.
  protected abstract onConnectionClosed(error: Error | undefined): void;
  abstract onHeaders(id: number, fields: Field[] | undefined, end: boolean): void;
  abstract onPeerSettings(): void;
  abstract isIdle(id: number): boolean;
  abstract isPeerStream(id: number): boolean;
  abstract onStreamReset(stream: Http2Stream): void;

  get activeStreams(): number {
    return this.streams.open.size;
  }

  onBytes(chunk: Uint8Array): void {
    if (this.closed) return;
    if (this.finishing) {
      this.lingered += chunk.length;
      if (this.lingered > lingerBytes) this.transport.abort();
      return;
    }
    let bytes = chunk;
    if (this.held.length > 0) {
      bytes = join(this.held, chunk);
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
          this.reader.take(bytes, bytes[at + 3], bytes[at + 4], id, at + frameHeaderBytes, end);
          at = end;
        }
        if (at > 0) this.frameSince.restart();
      }
    } catch (error) {
      this.fail(error);
      return;
    }
    if (at < bytes.length) this.held = bytes === chunk ? bytes.slice(at) : bytes.subarray(at);
  }

  onDrain(): void {
    this.blockedSince.restart();
    this.output.reportSent();
    this.output.pump();
    if (this.output.buffer.length > 0 || this.finishing) this.output.schedule();
  }

  onEnd(): void {
    // A peer that has ended cannot read our windows' updates: nothing under way can finish.
    this.transport.close();
  }

  /** Ends the connection at once: its peer does not answer, or takes nothing. */
  giveUp(): void {
    this.gaveUp = true;
    this.transport.abort();
  }

  onClose(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    // What we ended ourselves did not close as a request came.
    this.streams.endAll(ErrorCode.cancel, this.gaveUp ? peerSilent : closedUnanswered, closedInResponse);
    this.onConnectionClosed(error);
  }

  flush(): void {
    if (this.closed) return;
    if (this.output.overflown.length > 0) this.endOverflown();
    const { transport } = this;
    const { buffer } = this.output;
    if (buffer.length > 0) {
      if (transport.blocked && buffer.length < maxUnreadBytes && !this.finishing) return;
      if (transport.blocked && !this.finishing) {
        this.giveUp();
        return;
      }
      if (!buffer.writeTo(transport)) return;
    }
    this.output.reportSent();
    // Were the connection closed with bytes unread, the reset could overtake the GOAWAY that says why.
    if (this.lingers) transport.end();
    else if (this.finishing) transport.close();
  }

  /** Those of which more was to wait for the peer than it may have held. */
  private endOverflown(): void {
    try {
      for (const stream of this.output.overflown.splice(0)) this.streams.endOverflown(stream);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Takes no new streams, lets those under way finish, then closes. */
  drain(): void {
    if (this.closed || this.goAwaySent) return;
    this.goAwaySent = true;
    // A server opens no streams, so the last of them is known. It would take another number for an error.
    if (!this.isPeerStream(1)) this.sendGoAway(this.lastPeerStreamId, ErrorCode.noError, '');
    else {
      // Streams that the peer opened before it learns of this are still served: the last id follows a round trip later.
      this.sendGoAway(0x7fffffff, ErrorCode.noError, '');
      this.sendPing(drainPing);
      this.finalGoAwayDue = true;
    }
    this.closeIfDone();
  }

  /** Asks the peer for a sign of life: it must answer. */
  ping(): void {
    if (!this.closed) this.sendPing(keepAlivePing);
  }

  /** @internal */
  onPong(filling: number): void {
    if (!this.finalGoAwayDue || filling !== drainPing) return;
    this.finalGoAwayDue = false;
    this.sendGoAway(this.lastPeerStreamId, ErrorCode.noError, '');
    this.closeIfDone();
  }

  /** @internal */
  onGoAway(lastStreamId: number, code: ErrorCode): void {
    this.goAwayReceived = true;
    for (const stream of this.streams.open.values()) {
      // Ours that the peer will not process may be tried elsewhere.
      if (stream.id <= lastStreamId || this.isPeerStream(stream.id) || stream.reset_) continue;
      this.streams.refusedByPeer(stream, 'the peer goes away');
    }
    if (code !== ErrorCode.noError) this.breakOff(ErrorCode.cancel, 'the peer ends the connection for an error');
    else this.closeIfDone();
  }

  /** @internal */
  onStreamClosed(_stream: Http2Stream): void {
    this.closeIfDone();
  }

  close(): void {
    if (!this.closed) this.transport.close();
  }

  /** To be called every second or so: ends what has waited for longer than a deadline. See Deadlines. */
  checkDeadlines(nowMs: number): void {
    if (this.closed) return;
    const { headMs, stallMs, closeMs } = this.deadlines;
    if (this.checkedAtMs >= 0) this.onPassed((nowMs - this.checkedAtMs) / 1000);
    this.checkedAtMs = nowMs;
    if (
      this.finishingSince.exceeds(this.finishing, nowMs, closeMs) ||
      this.blockedSince.exceeds(this.transport.blocked, nowMs, stallMs)
    ) {
      this.giveUp();
      return;
    }
    if (this.finishing) return;
    try {
      if (this.frameSince.exceeds(this.held.length > 0 || !this.peer.seen, nowMs, headMs))
        throw new ConnectionError(ErrorCode.enhanceYourCalm, 'a frame took too long');
      if (this.blockSince.exceeds(this.reader.block.open, nowMs, headMs))
        throw new ConnectionError(ErrorCode.enhanceYourCalm, 'a header block took too long');
      this.streams.resetStalled(nowMs, stallMs);
      this.streams.resetUnwanted(nowMs, closeMs);
    } catch (error) {
      this.fail(error);
    }
  }

  protected onPassed(seconds: number): void {
    this.abuse.passed(seconds);
  }

  /** Where a subclass expects a preface: the offset behind it, or -1 when it is not complete. */
  protected takePreface(_bytes: Uint8Array): number {
    return 0;
  }

  private fail(error: unknown): void {
    if (!(error instanceof ConnectionError)) throw error;
    this.onProtocolError?.(error.message);
    this.sendGoAway(this.lastPeerStreamId, error.code, error.message);
    this.breakOff(ErrorCode.protocolError, error.message);
  }

  /** Ends every stream, and the connection once what is written has left. */
  private breakOff(code: ErrorCode, reason: string): void {
    this.finishing = true;
    this.lingers = this.isPeerStream(1);
    this.output.schedule();
    this.streams.endAll(code, reason);
  }

  private closeIfDone(): void {
    if (this.activeStreams > 0 || this.closed || this.finishing) return;
    if (!this.goAwayReceived && (!this.goAwaySent || this.finalGoAwayDue)) return;
    this.finishing = true;
    this.output.schedule();
  }

  private sendGoAway(lastStreamId: number, code: ErrorCode, reason: string): void {
    writeGoAway(this.output.buffer, lastStreamId, code, reason);
    this.output.schedule();
  }

  private sendPing(filling: number): void {
    const { buffer } = this.output;
    writeFrame(buffer, FrameType.ping, 0, 0, 8);
    buffer.bytes.fill(filling, buffer.length - 8, buffer.length);
    this.output.schedule();
  }
}
