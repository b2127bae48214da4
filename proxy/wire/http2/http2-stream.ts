import type { Field } from '../field.ts';
import type { SendQueue } from '../send-queue.ts';
import {
  ErrorCode,
  type ResponseHandler,
  type ResponseHead,
  type ServerStream,
  type StreamHandler,
} from '../stream.ts';
import type { StreamTable } from './stream-table.ts';

/**
 * One stream of an HTTP/2 connection, on either side. Its state (RFC 9113 section 5.1) is what is left to come in each
 * direction: open while neither has ended, half-closed when one has, closed when both have or it was reset.
 */
export class Http2Stream implements ServerStream {
  readonly id: number;
  private readonly session: StreamTable;
  handler: StreamHandler | ResponseHandler | undefined = undefined;

  remoteEnded = false;
  localEnded = false;
  reset_ = false;
  /** A final response has been sent. */
  responded = false;
  /** Ours, and its final response has yet to come. */
  awaitsResponse = false;
  informationals = 0;
  /** HEAD: the response has a length but no body. */
  headRequest = false;

  sendWindow: number;
  receiveWindow: number;
  /** Credit that was given back but not yet told the peer. */
  uncredited = 0;
  /** Bytes that the peer declared and has yet to send; -1 when it declared nothing. */
  expectedBytes = -1;

  /** What waits for a window or for the socket. */
  queue: SendQueue | undefined = undefined;
  queueEnd = false;
  queueTrailers: readonly Field[] | undefined = undefined;
  /** The answer is whole, or waits in the queue, and the rest of the request is wanted by nobody. */
  unwanted = false;
  /** When the queue was seen not to move; -1 while it moves. */
  stalledFromMs = -1;
  /** When the request was seen to go on though it is not wanted; -1 before that. */
  unwantedFromMs = -1;
  /** Bytes written since the handler was last told. */
  unsent = 0;

  constructor(session: StreamTable, id: number, sendWindow: number, receiveWindow: number) {
    this.session = session;
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }

  get closed(): boolean {
    return this.reset_ || (this.remoteEnded && this.localEnded);
  }

  sendInformational(head: ResponseHead): void {
    if (!this.localEnded && !this.reset_ && !this.responded) this.session.writeResponse(this, head, false);
  }

  sendResponse(head: ResponseHead, end: boolean): void {
    if (this.localEnded || this.reset_ || this.responded) return;
    this.responded = true;
    this.session.writeResponse(this, head, end);
  }

  sendData(chunk: Uint8Array, end: boolean): void {
    if (!this.localEnded && !this.reset_ && !this.queueEnd) this.session.sendData(this, chunk, end);
  }

  sendTrailers(fields: readonly Field[]): void {
    if (this.localEnded || this.reset_ || this.queueEnd) return;
    if (this.queue !== undefined) {
      this.queueTrailers = fields;
      this.queueEnd = true;
    } else this.session.writeTrailers(this, fields);
  }

  reset(code: ErrorCode, _reason: string): void {
    if (this.closed || this.unwanted) return;
    if (code === ErrorCode.noError && this.responded && (this.localEnded || this.queueEnd)) {
      this.unwanted = true;
      this.handler = undefined;
      this.session.dropRequest(this);
    } else this.session.resetStream(this, code);
  }

  credit(bytes: number): void {
    if (!this.remoteEnded && !this.reset_ && !this.unwanted) this.session.creditStream(this, bytes);
  }
}
