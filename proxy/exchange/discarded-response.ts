import { ErrorCode, type Stream } from '../wire/stream.ts';

/** So much of a response that nobody is told is read all the same. */
const maxDiscardedBytes = 64 * 1024;
const notPassedOn = 'the response is not passed on';

/**
 * What is left of a response that is not for the client, and is thrown away. A small rest is read, since a reset costs the
 * connection something: with HTTP/1 the connection itself, with HTTP/2 a part of what the peer lets be reset.
 */
export class DiscardedResponse {
  /** Undefined when nothing more of it is read. */
  private upstream: Stream | undefined;
  private readBytes = 0;

  constructor(upstream: Stream) {
    this.upstream = upstream;
  }

  onData(bytes: number, end: boolean): void {
    if (this.upstream === undefined) return;
    this.readBytes += bytes;
    this.upstream.credit(bytes);
    if (end) this.ended();
    else if (this.readBytes > maxDiscardedBytes) this.stop();
  }

  /** It has ended by itself. */
  ended(): void {
    this.upstream = undefined;
  }

  /** Nothing more of it is waited for. */
  stop(): void {
    this.upstream?.reset(ErrorCode.cancel, notPassedOn);
    this.upstream = undefined;
  }
}

/** Ends a response of which nothing is left to read, or whose request has not ended: that would be sent for nothing. */
export function endUnread(upstream: Stream): void {
  upstream.reset(ErrorCode.noError, notPassedOn);
}
