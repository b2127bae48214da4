import { type DescMessage, type DescMethod, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { Clock } from '../../clock.ts';
import { Field, marksOfAll } from '../../wire/field.ts';
import type { FieldTable } from '../../wire/field-table.ts';
import type { RequestHead } from '../../wire/stream.ts';
import type { Connection, Turn } from '../../wire/transport.ts';
import { type CallCounts, type CallHandler, GrpcCall } from './grpc-call.ts';
import { GrpcConnection, type Pending } from './grpc-connection.ts';
import { Status } from './status.ts';

export interface GrpcChannelOptions {
  /** What the server is called in requests. */
  authority: string;
  scheme: 'http' | 'https';
  /** Opens a connection; exactly one of the callbacks is called, once. */
  connect(onConnected: (connection: Connection) => void, onFailed: (detail: string) => void): void;
  turn: Turn;
  fields: FieldTable;
  clock: Clock;
  /** Whether a silent connection is asked for a sign of life: many servers end one on which they are. Default true. */
  keepAlive?: boolean;
  /**
   * A connection takes no more calls after this long, more or less by a fifth: the next one may lead to another replica,
   * so that a new one gets its share. Default 15 min.
   */
  connectionAgeMs?: number;
  /** Where its calls are counted. Default: nowhere. */
  counts?: CallCounts | undefined;
}

type StreamMethod<Input extends DescMessage, Output extends DescMessage> = DescMethod & {
  methodKind: 'server_streaming';
  input: Input;
  output: Output;
};
type UnaryMethod<Input extends DescMessage, Output extends DescMessage> = DescMethod & {
  methodKind: 'unary';
  input: Input;
  output: Output;
};

export interface StreamHandlers<Output extends DescMessage> {
  onMessage(message: MessageShape<Output>): void;
  /** Called exactly once, unless the call is cancelled. */
  onEnd(code: number, detail: string): void;
  /**
   * The connection of the call takes no more calls, and will end: a call that is made now goes over another one. This
   * one goes on meanwhile, so that nothing is missed.
   */
  onLeaving?(): void;
}

/** An error that a call ended with. */
export class GrpcError extends Error {
  readonly code: number;

  constructor(code: number, detail: string) {
    super(`${detail} (gRPC status ${code})`);
    this.code = code;
  }
}

const drainMs = 30_000;
const maxWaiting = 10_000;
const contentType = new Field('content-type', 'application/grpc');
const trailersTaken = new Field('te', 'trailers');

/** As many as carry the streams of discovery: a peer that names no limit is given 100 on each. */
const maxConnections = 8;

/**
 * Calls to a gRPC server over our own HTTP/2, on a connection that is made when a call needs it:
 *
 *     idle --call--> connecting: calls wait --connected--> ready --lost or ended--> idle
 *                              --failed--> calls that wait end UNAVAILABLE
 *
 * A connection that takes no more streams, since the peer's limit is reached or either side has said GOAWAY, keeps those
 * that it has, and another one is made for the calls that wait. Streams of discovery live for days: who waited for them
 * to end would wait for ever. After a GOAWAY, which we say ourselves when a connection is old, they are told to leave.
 *
 * It never tries again by itself: whoever calls has a back-off, and knows whether the answer is still wanted.
 */
export class GrpcChannel {
  private readonly options: GrpcChannelOptions;
  /** Calls that wait for a connection, or for a stream of one. */
  private readonly waiting: Pending[] = [];
  private connecting = false;
  private readonly connections: GrpcConnection[] = [];
  private closed = false;

  constructor(options: GrpcChannelOptions) {
    this.options = options;
  }

  /** Opens a server stream. The returned function cancels it. */
  stream<Input extends DescMessage, Output extends DescMessage>(
    method: StreamMethod<Input, Output>,
    request: MessageShape<Input>,
    handlers: StreamHandlers<Output>,
  ): () => void {
    const call = this.call({
      onMessage: (bytes) => {
        const message = decode(method.output, bytes);
        if (message === undefined) call.fail(Status.internal, `not a ${method.output.typeName}`);
        else handlers.onMessage(message);
      },
      onEnd: (code, detail) => handlers.onEnd(code, detail),
      onLeaving: () => handlers.onLeaving?.(),
    });
    this.send({ call, head: this.head(pathOf(method)), message: encode(method.input, request) });
    return () => call.cancel();
  }

  /** Calls a unary method. Rejects with a GrpcError. */
  async unary<Input extends DescMessage, Output extends DescMessage>(
    method: UnaryMethod<Input, Output>,
    request: MessageShape<Input>,
    timeoutMs: number,
  ): Promise<MessageShape<Output>> {
    const bytes = await this.unaryBytes(pathOf(method), encode(method.input, request), timeoutMs);
    const response = decode(method.output, bytes);
    if (response === undefined) throw new GrpcError(Status.internal, `not a ${method.output.typeName}`);
    return response;
  }

  /** The same for who encodes and decodes the messages. `path` is `/package.Service/Method`. */
  unaryBytes(path: string, message: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      let response: Uint8Array | undefined;
      const call = this.call({
        onMessage: (bytes) => {
          response = bytes;
        },
        onEnd: (code, detail) => {
          this.options.clock.cancel(timer);
          if (code === Status.ok && response !== undefined) resolve(response);
          else if (code === Status.ok) reject(new GrpcError(Status.internal, 'no response'));
          else reject(new GrpcError(code, detail));
        },
      });
      const timer = this.options.clock.after(timeoutMs, () =>
        call.fail(Status.deadlineExceeded, `no answer within ${timeoutMs} ms`),
      );
      const head = this.head(path, [new Field('grpc-timeout', `${Math.ceil(timeoutMs)}m`)]);
      this.send({ call, head, message });
    });
  }

  /** Takes no new call; those under way are told to leave, and may end by themselves for a while. */
  drain(): void {
    this.closed = true;
    for (const open of this.connections) {
      open.leave();
      this.options.clock.after(drainMs, () => open.abort());
    }
  }

  /** Ends all calls at once. */
  close(): void {
    this.closed = true;
    this.failWaiting('the channel is closed');
    for (const open of [...this.connections]) open.abort();
  }

  private call(handler: CallHandler): GrpcCall {
    const { clock, counts } = this.options;
    return new GrpcCall(handler, () => clock.nowMs(), counts);
  }

  private head(path: string, more: readonly Field[] = []): RequestHead {
    const { authority, scheme } = this.options;
    const fields = [contentType, trailersTaken, ...more];
    return {
      method: 'POST',
      scheme,
      authority,
      path,
      contentLength: -1,
      upgrade: undefined,
      absoluteForm: false,
      fields,
      marks: marksOfAll(fields),
    };
  }

  private send(pending: Pending): void {
    if (this.closed) {
      // Not before the caller has what this call returns.
      queueMicrotask(() => pending.call.fail(Status.unavailable, 'the channel is closed'));
      return;
    }
    if (this.start(pending)) return;
    if (this.waiting.length >= maxWaiting) {
      queueMicrotask(() =>
        pending.call.fail(Status.resourceExhausted, `${maxWaiting} calls wait for a stream already`),
      );
      return;
    }
    this.waiting.push(pending);
    this.connectForWaiting();
  }

  /** Makes a connection, unless one is on its way that may take what waits. */
  private connectForWaiting(): void {
    if (this.connecting || this.closed) return;
    if (this.connections.some((open) => open.isComing)) return;
    if (this.connections.length >= maxConnections) {
      // What a drained one still has is asked for anew, on another.
      this.connections.find((open) => open.isLeaving)?.abort();
      if (this.connections.length >= maxConnections) return;
    }
    this.connecting = true;
    this.options.connect(
      (connection) => {
        this.connecting = false;
        this.connected(connection);
      },
      (detail) => {
        this.connecting = false;
        this.failWaiting(detail);
      },
    );
  }

  private start(pending: Pending): boolean {
    for (const open of this.connections) if (open.start(pending)) return true;
    return false;
  }

  private connected(connection: Connection): void {
    const open = new GrpcConnection(connection, this.options, this);
    if (this.closed) {
      this.failWaiting('the channel is closed');
      open.abort();
      return;
    }
    this.connections.push(open);
    open.watch();
    this.startWaiting();
  }

  /** @internal one is over */
  onClosed(open: GrpcConnection): void {
    const index = this.connections.indexOf(open);
    if (index < 0) return;
    this.connections.splice(index, 1);
    if (this.waiting.length === 0 || this.connecting) return;
    if (this.connections.length === 0) this.failWaiting('the connection was closed');
    else this.connectForWaiting();
  }

  /** @internal one was looked at: it may drain by now, with calls that wait for a stream of it */
  onChecked(): void {
    if (this.waiting.length > 0) this.connectForWaiting();
  }

  /** @internal as streams become free, those that wait start; what is left over needs another connection. */
  startWaiting(): void {
    while (this.waiting.length > 0 && this.start(this.waiting[0])) this.waiting.shift();
    if (this.waiting.length > 0) this.connectForWaiting();
  }

  private failWaiting(detail: string): void {
    for (const { call } of this.waiting.splice(0)) call.fail(Status.unavailable, detail);
  }
}

const pathOf = ({ parent, name }: DescMethod): string => `/${parent.typeName}/${name}`;

const encode = <Input extends DescMessage>(schema: Input, message: MessageShape<Input>): Uint8Array =>
  toBinary(schema, message);

function decode<Output extends DescMessage>(schema: Output, bytes: Uint8Array): MessageShape<Output> | undefined {
  try {
    return fromBinary(schema, bytes);
  } catch {
    return undefined;
  }
}
