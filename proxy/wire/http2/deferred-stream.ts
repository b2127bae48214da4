import type { Field } from '../field.ts';
import type { ErrorCode, RequestHead, ResponseHandler, Stream } from '../stream.ts';

/** A request that may be sent only when the peer's SETTINGS are known, and what is to follow it. */
export class DeferredStream implements Stream {
  readonly head: RequestHead;
  readonly end: boolean;
  readonly handler: ResponseHandler;
  readonly extra: readonly Field[] | undefined;
  private readonly onGivenUp: (stream: DeferredStream) => void;
  private held: ((stream: Stream) => void)[] = [];
  private stream: Stream | undefined = undefined;

  /** `onGivenUp` is called when it is reset before it has begun. */
  constructor(
    head: RequestHead,
    end: boolean,
    handler: ResponseHandler,
    extra: readonly Field[] | undefined,
    onGivenUp: (stream: DeferredStream) => void,
  ) {
    this.head = head;
    this.end = end;
    this.handler = handler;
    this.extra = extra;
    this.onGivenUp = onGivenUp;
  }

  /** The request is on its way as `stream`. */
  begin(stream: Stream): void {
    this.stream = stream;
    for (const send of this.held) send(stream);
    this.held = [];
  }

  sendData(chunk: Uint8Array, end: boolean): void {
    if (this.stream !== undefined) {
      this.stream.sendData(chunk, end);
      return;
    }
    const kept = chunk.slice();
    this.held.push((stream) => stream.sendData(kept, end));
  }

  sendTrailers(fields: readonly Field[]): void {
    if (this.stream !== undefined) this.stream.sendTrailers(fields);
    else this.held.push((stream) => stream.sendTrailers(fields));
  }

  reset(code: ErrorCode, reason: string): void {
    if (this.stream !== undefined) this.stream.reset(code, reason);
    else this.onGivenUp(this);
  }

  /** Nothing is received before it has begun. */
  credit(bytes: number): void {
    this.stream?.credit(bytes);
  }
}
