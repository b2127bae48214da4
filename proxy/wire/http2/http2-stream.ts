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
  private readonly table: StreamTable;
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
  /** Of it, what the peer's budget was charged for. */
  heldBytes = 0;
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

  constructor(table: StreamTable, id: number, sendWindow: number, receiveWindow: number) {
    this.table = table;
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }

  get closed(): boolean {
    return this.reset_ || (this.remoteEnded && this.localEnded);
  }

  /** Our half has been written to its end. */
  endLocal(): void {
    this.localEnded = true;
    if (this.remoteEnded) this.table.completed(this);
  }

  sendInformational(head: ResponseHead): void {
    if (!this.localEnded && !this.reset_ && !this.responded) this.table.output.writeResponse(this, head, false);
  }

  sendResponse(head: ResponseHead, end: boolean): void {
    if (this.localEnded || this.reset_ || this.responded) return;
    this.responded = true;
    this.table.output.writeResponse(this, head, end);
  }

  sendData(chunk: Uint8Array, end: boolean): void {
    if (!this.localEnded && !this.reset_ && !this.queueEnd) this.table.output.sendData(this, chunk, end);
  }

  sendTrailers(fields: readonly Field[]): void {
    if (this.localEnded || this.reset_ || this.queueEnd) return;
    if (this.queue !== undefined) {
      this.queueTrailers = fields;
      this.queueEnd = true;
    } else this.table.output.writeTrailers(this, fields);
  }

  /**
   * NO_ERROR is what a server says behind its whole answer (RFC 9113 section 8.1). A client that has its answer says
   * CANCEL, as Rust's h2 and Go do.
   */
  reset(code: ErrorCode, _reason: string): void {
    if (this.closed || this.unwanted) return;
    if (code === ErrorCode.noError && this.responded && (this.localEnded || this.queueEnd)) {
      this.unwanted = true;
      this.handler = undefined;
      this.table.dropRequest(this);
    } else this.table.reset(this, code === ErrorCode.noError ? ErrorCode.cancel : code);
  }

  credit(bytes: number): void {
    if (!this.remoteEnded && !this.reset_ && !this.unwanted) this.table.credit(this, bytes);
  }
}
