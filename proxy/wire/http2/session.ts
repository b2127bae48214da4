import { type Deadlines, defaultDeadlines, Since } from '../deadlines.ts';
import type { FieldTable } from '../field-table.ts';
import { closedInResponse, closedUnanswered, ErrorCode } from '../stream.ts';
import type { Transport, TransportHandler, Turn } from '../transport.ts';
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
import { Incoming } from './incoming.ts';
import { defaultHttp2Settings, type Http2Settings } from './settings.ts';

export interface Http2SessionOptions {
  transport: Transport;
  turn: Turn;
  fields: FieldTable;
  settings?: Partial<Http2Settings>;
  deadlines?: Deadlines;
  /** The connection broke a rule and was closed for it. */
  onProtocolError?: (reason: string) => void;
}

/** Control output that a peer may make us hold by not reading it. */
const maxUnreadBytes = 1024 * 1024;
/** Bytes of a client that was told of its error that are read and dropped. */
const lingerBytes = 1024 * 1024;
const nothing = new Uint8Array(0);

/**
 * What the two sides of an HTTP/2 connection share (RFC 9113). No I/O and no clock: bytes come in by `onBytes`, go out
 * with one write a turn by `flush`, and time comes by `checkDeadlines`.
 *
 *     Outgoing     header blocks, DATA within the peer's windows, queues
 *     StreamTable  streams and their states
 *     Incoming     frames that come
 *     Http2Session the connection's life: bytes, errors, drain, deadlines
 */
export abstract class Http2Session extends Incoming implements TransportHandler {
  private readonly onProtocolError: ((reason: string) => void) | undefined;
  private readonly deadlines: Deadlines;
  private held: Uint8Array = nothing;
  /** An error was told to a client: what it still sends is read and dropped until it has ended, or was told off. */
  private lingers = false;
  private lingered = 0;
  private readonly frameSince = new Since();
  private readonly blockSince = new Since();
  private readonly blockedSince = new Since();
  private readonly finishingSince = new Since();
  private checkedAtMs = -1;

  constructor(options: Http2SessionOptions, own: readonly (readonly [number, number])[]) {
    super(options.transport, options.turn, options.fields, { ...defaultHttp2Settings, ...options.settings });
    this.onProtocolError = options.onProtocolError;
    this.deadlines = options.deadlines ?? defaultDeadlines;
    writeSettings(this.out, [
      ...own,
      [Setting.initialWindowSize, this.settings.streamWindowBytes],
      [Setting.maxHeaderListSize, this.settings.maxHeaderListBytes],
    ]);
    const extra = this.settings.connectionWindowBytes - defaultWindowBytes;
    if (extra > 0) writeWindowUpdate(this.out, 0, extra);
    this.turn.schedule(this);
  }

  protected abstract onConnectionClosed(error: Error | undefined): void;

  onBytes(chunk: Uint8Array): void {
    if (this.closed) return;
    if (this.finishing) {
      this.lingered += chunk.length;
      if (this.lingered > lingerBytes) this.transport.abort();
      return;
    }
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
    const streams = this.streams.values();
    this.streams.clear();
    this.queued.clear();
    this.unwanted.clear();
    for (const stream of streams) {
      stream.reset_ = true;
      stream.handler?.onReset(ErrorCode.cancel, stream.awaitsResponse ? closedUnanswered : closedInResponse);
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
    // Were the connection closed with bytes unread, the reset could overtake the GOAWAY that says why.
    if (this.lingers) this.transport.end();
    else if (this.finishing) this.transport.close();
  }

  /** Takes no new streams, lets those under way finish, then closes. */
  drain(): void {
    if (this.closed || this.goAwaySent) return;
    this.goAwaySent = true;
    this.turn.schedule(this);
    if (!this.isPeerStream(1)) {
      // A server opens no streams, so the last of them is known. It would take another number for an error.
      writeGoAway(this.out, this.lastPeerStreamId, ErrorCode.noError, '');
      this.closeIfDone();
      return;
    }
    // Streams that the peer opened before it learns of this are still served: the last id follows a round trip later.
    writeGoAway(this.out, 0x7fffffff, ErrorCode.noError, '');
    writeFrame(this.out, FrameType.ping, 0, 0, 8);
    this.out.bytes.fill(drainPing, this.out.length - 8, this.out.length);
    this.finalGoAwayDue = true;
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
      this.transport.abort();
      return;
    }
    if (this.finishing) return;
    try {
      if (this.frameSince.exceeds(this.held.length > 0 || !this.settingsSeen, nowMs, headMs))
        throw new ConnectionError(ErrorCode.enhanceYourCalm, 'a frame took too long');
      if (this.blockSince.exceeds(this.block.open, nowMs, headMs))
        throw new ConnectionError(ErrorCode.enhanceYourCalm, 'a header block took too long');
      this.resetStalled(nowMs, stallMs);
      this.resetUnwanted(nowMs, closeMs);
    } catch (error) {
      this.fail(error);
    }
  }

  protected onPassed(seconds: number): void {
    this.abuse.passed(seconds);
  }

  /** Ends streams whose window the peer has kept shut, so that what waits for it is not held for ever. */
  private resetStalled(nowMs: number, stallMs: number): void {
    for (const stream of this.queued) {
      if (stream.stalledFromMs < 0) stream.stalledFromMs = nowMs;
      else if (nowMs - stream.stalledFromMs >= stallMs)
        this.refuse(stream.id, ErrorCode.cancel, 'the peer kept its window shut');
    }
  }

  /** Ends requests that have gone on behind their answers for long enough. */
  private resetUnwanted(nowMs: number, closeMs: number): void {
    for (const stream of this.unwanted) {
      if (!stream.localEnded) continue;
      if (stream.unwantedFromMs < 0) stream.unwantedFromMs = nowMs;
      else if (nowMs - stream.unwantedFromMs >= closeMs) this.resetStream(stream, ErrorCode.noError);
    }
  }

  /** Where a subclass expects a preface: the offset behind it, or -1 when it is not complete. */
  protected takePreface(_bytes: Uint8Array): number {
    return 0;
  }

  private fail(error: unknown): void {
    if (!(error instanceof ConnectionError)) throw error;
    this.onProtocolError?.(error.message);
    writeGoAway(this.out, this.lastPeerStreamId, error.code, error.message);
    this.breakOff(ErrorCode.protocolError, error.message);
  }

  protected override breakOff(code: ErrorCode, reason: string): void {
    this.finishing = true;
    this.lingers = this.isPeerStream(1);
    this.turn.schedule(this);
    this.queued.clear();
    this.unwanted.clear();
    for (const stream of this.streams.values()) {
      stream.reset_ = true;
      this.streams.delete(stream.id);
      stream.handler?.onReset(code, reason);
    }
  }
}
