import type { EchoRequest, EchoResponse } from './gen/test/echo/v1/echo_pb.js';

/** A gRPC status as a client got it, whatever library it uses. */
export class CallFailed extends Error {
  readonly code: number;
  /** Metadata of the trailers. */
  readonly trailers: ReadonlyMap<string, string>;

  constructor(code: number, message: string, trailers: ReadonlyMap<string, string>) {
    super(message);
    this.code = code;
    this.trailers = trailers;
  }
}

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Reply {
  readonly response: EchoResponse;
  readonly headers: ReadonlyMap<string, string>;
  readonly trailers: ReadonlyMap<string, string>;
}

/** A client of the echo service. Calls reject with CallFailed. */
export interface EchoClient {
  unary(request: EchoRequest, options?: CallOptions): Promise<Reply>;
  collect(requests: AsyncIterable<EchoRequest>, options?: CallOptions): Promise<Reply>;
  repeat(request: EchoRequest, options?: CallOptions): AsyncIterable<EchoResponse>;
  chat(requests: AsyncIterable<EchoRequest>, options?: CallOptions): AsyncIterable<EchoResponse>;
  close(): void;
}

/** What a server of the echo service has seen. */
export class EchoLog {
  /** Calls whose client gave up. */
  cancelled = 0;
  /** Streams of `chat` that are open. */
  open = 0;
  /** Milliseconds that each hanging call had left when it came; undefined for one without a deadline. */
  readonly timeoutsMs: (number | undefined)[] = [];
}

export interface EchoServer {
  readonly log: EchoLog;
  stop(): void;
}

/** The name of metadata that is as large as the request asks. */
export const bigMetadata = 'x-big';
