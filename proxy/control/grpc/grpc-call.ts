import { type Field, fieldValue } from '../../wire/field.ts';
import {
  closedInResponse,
  closedUnanswered,
  ErrorCode,
  peerSilent,
  type ResponseHandler,
  type ResponseHead,
  type Stream,
} from '../../wire/stream.ts';
import { FramingError, MessageReader } from './message-reader.ts';
import { Status, statusOfHttp, statusOfReset } from './status.ts';

/** What is told of a call: messages, then its end exactly once. */
export interface CallHandler {
  onMessage(message: Uint8Array): void;
  /** `code` is a gRPC status; 0 when the server ended the call by itself. */
  onEnd(code: number, detail: string): void;
  /** Its connection takes no more calls. */
  onLeaving?(): void;
}

/** The `error` of a call that this side had enough of. */
export const cancelled = 'cancelled';

/** Counts the calls of a channel. */
export interface CallCounts {
  request(): void;
  /** `status` is that of HTTP, 0 without a response; `code` that of gRPC; `error` why it came to neither. */
  response(nowMs: number, status: number, code: number, error: string | undefined, latencyMs: number): void;
}

/** Endpoints of a large service come in one message. */
const maxMessageBytes = 32 * 1024 * 1024;

/** A call as its response comes. */
export class GrpcCall implements ResponseHandler {
  private readonly handler: CallHandler;
  private readonly reader: MessageReader;
  private stream: Stream | undefined = undefined;
  /** The calls of its connection, of which it is one until it is over. */
  private siblings: Set<GrpcCall> | undefined = undefined;
  private over = false;
  private readonly counts: CallCounts | undefined;
  private readonly nowMs: () => number;
  private sentMs = -1;
  private firstByteMs = -1;
  private status = 0;

  /** `counts` is undefined where calls are not counted. */
  constructor(handler: CallHandler, nowMs: () => number, counts: CallCounts | undefined) {
    this.handler = handler;
    this.nowMs = nowMs;
    this.counts = counts;
    this.reader = new MessageReader(maxMessageBytes, (message) => {
      if (!this.over) handler.onMessage(message);
    });
  }

  /** The request has been sent on `stream`, which is one of those of a connection. */
  started(stream: Stream, siblings: Set<GrpcCall>): void {
    if (this.over) {
      stream.reset(ErrorCode.cancel, 'call cancelled');
      return;
    }
    this.counts?.request();
    this.sentMs = this.nowMs();
    this.stream = stream;
    this.siblings = siblings;
    siblings.add(this);
  }

  /** Its connection takes no more calls: who wants the call to go on makes another one. */
  leave(): void {
    this.handler.onLeaving?.();
  }

  /** Ends the call without telling its handler. */
  cancel(): void {
    if (this.over) return;
    this.finish(-1, cancelled);
    this.stream?.reset(ErrorCode.cancel, 'call cancelled');
  }

  /** Ends the call from this side: it could not be sent, or took too long. */
  fail(code: number, detail: string): void {
    if (this.over) return;
    this.finish(code, undefined);
    this.stream?.reset(ErrorCode.cancel, detail);
    this.handler.onEnd(code, detail);
  }

  onInformational(): void {}

  onResponse(head: ResponseHead, end: boolean): void {
    this.status = head.status;
    const trailersOnly = fieldValue(head.fields, 'grpc-status') !== undefined;
    if (end || trailersOnly) this.ended(head.fields, head.status);
    else if (head.status !== 200) this.fail(statusOfHttp(head.status), `HTTP status ${head.status}`);
    else if (!fieldValue(head.fields, 'content-type')?.startsWith('application/grpc')) {
      this.fail(Status.unknown, 'the response is not gRPC');
    }
  }

  onData(chunk: Uint8Array, end: boolean): void {
    if (this.over) return;
    if (this.firstByteMs < 0) this.firstByteMs = this.nowMs();
    try {
      this.reader.push(chunk);
      this.stream?.credit(chunk.length);
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      this.fail(Status.internal, error.message);
    }
    if (end) this.fail(Status.internal, 'the response ended without a status');
  }

  onTrailers(fields: Field[]): void {
    this.ended(fields, 200);
  }

  onSent(): void {}

  onReset(code: ErrorCode, reason: string): void {
    if (this.over) return;
    const lost = reason === closedUnanswered || reason === closedInResponse || reason === peerSilent;
    this.finish(-1, lost ? 'i/o' : 'reset');
    this.handler.onEnd(lost ? Status.unavailable : statusOfReset(code), reason);
  }

  /** `code` is its gRPC status, -1 without one; `error` is what ended it, if it was cut off. */
  private finish(code: number, error: string | undefined): void {
    this.over = true;
    this.siblings?.delete(this);
    // What was never sent asked nobody.
    if (this.counts === undefined || this.sentMs < 0) return;
    const nowMs = this.nowMs();
    const endMs = this.firstByteMs < 0 ? nowMs : this.firstByteMs;
    this.counts.response(nowMs, this.status, code, error, endMs - this.sentMs);
  }

  private ended(fields: readonly Field[], httpStatus: number): void {
    if (this.over) return;
    const text = fieldValue(fields, 'grpc-status');
    if (text === undefined) {
      this.finish(-1, undefined);
      this.handler.onEnd(statusOfHttp(httpStatus), `HTTP status ${httpStatus} without a gRPC status`);
      return;
    }
    const code = /^\d{1,2}$/.test(text) ? Number(text) : Status.unknown;
    this.finish(code, undefined);
    if (code === Status.ok && !this.reader.complete) {
      this.handler.onEnd(Status.internal, 'the response ended inside a message');
    } else this.handler.onEnd(code, statusMessage(fieldValue(fields, 'grpc-message') ?? ''));
  }
}

/** `grpc-message` is percent-encoded UTF-8; what is not is shown as it came. */
function statusMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
