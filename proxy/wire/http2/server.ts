import type { Field } from '../field.ts';
import { responseHead } from '../heads.ts';
import { ErrorCode, type RequestListener } from '../stream.ts';
import { ConnectionError, preface, Setting } from './frame.ts';
import type { Http2Stream } from './http2-stream.ts';
import { MalformedMessage, requestHead } from './message.ts';
import { Http2Session } from './session.ts';
import { defaultHttp2Settings, type Http2SessionOptions } from './settings.ts';

export interface Http2ServerOptions extends Http2SessionOptions {
  onRequest: RequestListener;
  /** The connection is gone. */
  onClosed?: (error: Error | undefined) => void;
}

/** The accepting side of an HTTP/2 connection. */
export class Http2Server extends Http2Session {
  private readonly options: Http2ServerOptions;
  private prefaceSeen = false;

  constructor(options: Http2ServerOptions) {
    super(options, [
      [
        Setting.maxConcurrentStreams,
        options.settings?.maxConcurrentStreams ?? defaultHttp2Settings.maxConcurrentStreams,
      ],
      [Setting.enableConnectProtocol, 1],
    ]);
    this.options = options;
  }

  protected override takePreface(bytes: Uint8Array): number {
    if (this.prefaceSeen) return 0;
    const length = Math.min(bytes.length, preface.length);
    for (let i = 0; i < length; i++) {
      if (bytes[i] !== preface[i]) throw new ConnectionError(ErrorCode.protocolError, 'invalid connection preface');
    }
    if (length < preface.length) return -1;
    this.prefaceSeen = true;
    return preface.length;
  }

  /** @internal */
  override onHeaders(id: number, fields: Field[] | undefined, end: boolean): void {
    const known = this.streams.get(id);
    if (known !== undefined) {
      if (known.remoteEnded) {
        this.streams.refuse(id, ErrorCode.streamClosed, 'HEADERS behind the end');
        return;
      }
      if (fields === undefined) throw new MalformedMessage('trailers too large');
      this.streams.takeTrailers(known, fields, end);
      return;
    }
    if ((id & 1) === 0) throw new ConnectionError(ErrorCode.protocolError, 'client stream with an even id');
    if (id <= this.lastPeerStreamId) {
      // Trailers may have been on their way to a stream that we reset.
      if (end && this.abuse.late(0, true)) return;
      throw new ConnectionError(ErrorCode.streamClosed, 'HEADERS on a closed stream');
    }
    this.lastPeerStreamId = id;
    if (this.activeStreams >= this.settings.maxConcurrentStreams) {
      this.streams.refuseNew(id, end, ErrorCode.refusedStream, 'too many streams');
      return;
    }
    if (fields === undefined) {
      this.answer(id, 431, end, 'header list too large');
      return;
    }
    const head = requestHead(fields);
    if (head.path.length > this.settings.maxPathBytes) {
      this.answer(id, 414, end, 'path too long');
      return;
    }
    if (end && head.contentLength > 0) throw new MalformedMessage('body shorter than its content-length');
    const stream = this.streams.add(id);
    stream.expectedBytes = head.contentLength;
    stream.remoteEnded = end;
    const handler = this.options.onRequest(stream, head, end);
    if (!stream.unwanted) stream.handler = handler;
  }

  /** Answers a request that goes no further. */
  private answer(id: number, status: number, end: boolean, reason: string): void {
    const stream = this.streams.add(id);
    stream.remoteEnded = end;
    stream.sendResponse(responseHead(status, 0), true);
    if (!end) stream.reset(ErrorCode.noError, reason);
  }

  /** @internal */
  override onStreamReset(_stream: Http2Stream): void {}

  /** @internal */
  override onPeerSettings(): void {}

  protected override onConnectionClosed(error: Error | undefined): void {
    this.options.onClosed?.(error);
  }

  /** @internal */
  override isIdle(id: number): boolean {
    return (id & 1) === 0 || id > this.lastPeerStreamId;
  }

  /** @internal */
  override isPeerStream(id: number): boolean {
    return (id & 1) === 1;
  }
}
