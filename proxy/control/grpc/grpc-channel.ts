import { type DescMessage, type DescMethod, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { Clock, TimerHandle } from '../../clock.ts';
import { KeepAlive } from '../../keep-alive.ts';
import { Field, marksOfAll } from '../../wire/field.ts';
import type { FieldTable } from '../../wire/field-table.ts';
import { Http2Client } from '../../wire/http2/client.ts';
import type { RequestHead } from '../../wire/stream.ts';
import type { Connection, Turn } from '../../wire/transport.ts';
import { GrpcCall } from './grpc-call.ts';
import { frameMessage } from './message-reader.ts';
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
}

/** An error that a call ended with. */
export class GrpcError extends Error {
  readonly code: number;

  constructor(code: number, detail: string) {
    super(`${detail} (gRPC status ${code})`);
    this.code = code;
  }
}

interface Pending {
  readonly call: GrpcCall;
  readonly head: RequestHead;
  readonly message: Uint8Array;
}

/** How long a connection may be silent before it is asked for a sign of life, and how long the answer may take. */
const keepAliveTimes = { intervalMs: 10_000, timeoutMs: 3000 };
const drainMs = 30_000;
/** How often the connection is told the time. */
const checkIntervalMs = 5000;
const maxWaiting = 10_000;

const contentType = new Field('content-type', 'application/grpc');
const trailersTaken = new Field('te', 'trailers');

interface Link {
  readonly client: Http2Client;
  readonly connection: Connection;
  keepAlive: KeepAlive | undefined;
  checkTimer: TimerHandle | undefined;
}

/**
 * One connection to a gRPC server over our own HTTP/2, made when a call needs it.
 *
 *     idle --call--> connecting: calls wait --connected--> ready --lost or ended--> idle
 *                              --failed--> idle: waiting calls end UNAVAILABLE
 *
 * A connection that takes no new calls, because the server goes away or saw too many cancelled, carries those that it has
 * to their end beside the one that follows it.
 *
 * It never tries again by itself: whoever calls has a back-off, and knows whether the answer is still wanted.
 */
export class GrpcChannel {
  private readonly options: GrpcChannelOptions;
  /** Calls that wait for the connection, or for a stream of it. */
  private readonly waiting: Pending[] = [];
  private connecting = false;
  private current: Link | undefined = undefined;
  /** The current connection, and those that drain. */
  private readonly links = new Set<Link>();
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
    const call = new GrpcCall({
      onMessage: (bytes) => {
        const message = decode(method.output, bytes);
        if (message === undefined) call.fail(Status.internal, `not a ${method.output.typeName}`);
        else handlers.onMessage(message);
      },
      onEnd: (code, detail) => handlers.onEnd(code, detail),
    });
    this.send({ call, head: this.head(method), message: encode(method.input, request) });
    return () => call.cancel();
  }

  /** Calls a unary method. Rejects with a GrpcError. */
  unary<Input extends DescMessage, Output extends DescMessage>(
    method: UnaryMethod<Input, Output>,
    request: MessageShape<Input>,
    timeoutMs: number,
  ): Promise<MessageShape<Output>> {
    return new Promise((resolve, reject) => {
      let response: MessageShape<Output> | undefined;
      const call = new GrpcCall({
        onMessage: (bytes) => {
          response = decode(method.output, bytes);
          if (response === undefined) call.fail(Status.internal, `not a ${method.output.typeName}`);
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
      const head = this.head(method, [new Field('grpc-timeout', `${Math.ceil(timeoutMs)}m`)]);
      this.send({ call, head, message: encode(method.input, request) });
    });
  }

  /** Takes no new call; those under way may end by themselves for a while. */
  drain(): void {
    this.closed = true;
    for (const { client, connection } of this.links) {
      client.drain();
      this.options.clock.after(drainMs, () => connection.abort());
    }
  }

  /** Ends all calls at once. */
  close(): void {
    this.closed = true;
    this.failWaiting('the channel is closed');
    for (const { connection } of [...this.links]) connection.abort();
  }

  private head(method: DescMethod, more: readonly Field[] = []): RequestHead {
    const { authority, scheme } = this.options;
    const fields = [contentType, trailersTaken, ...more];
    return {
      method: 'POST',
      scheme,
      authority,
      path: `/${method.parent.typeName}/${method.name}`,
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
    if (this.current !== undefined && this.start(pending, this.current.client)) return;
    if (this.waiting.length >= maxWaiting) {
      queueMicrotask(() =>
        pending.call.fail(Status.resourceExhausted, `${maxWaiting} calls wait for a stream already`),
      );
      return;
    }
    this.waiting.push(pending);
    this.connectIfNeeded();
  }

  /** Opens a connection for the calls that wait, unless there is one that will take them. */
  private connectIfNeeded(): void {
    if (this.current?.client.draining) this.current = undefined;
    if (this.waiting.length === 0 || this.current !== undefined || this.connecting || this.closed) return;
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

  private start({ call, head, message }: Pending, client: Http2Client): boolean {
    const stream = client.request(head, false, call);
    if (stream === undefined) return false;
    call.started(stream);
    stream.sendData(frameMessage(message), true);
    return true;
  }

  private connected(connection: Connection): void {
    const client = new Http2Client({
      transport: connection,
      turn: this.options.turn,
      fields: this.options.fields,
      onAvailable: () => {
        if (this.current === link) this.startWaiting();
      },
      onClosed: () => this.lost(link),
    });
    const link: Link = { client, connection, keepAlive: undefined, checkTimer: undefined };
    connection.handler = client;
    this.links.add(link);
    this.current = link;
    if (this.closed) {
      this.failWaiting('the channel is closed');
      connection.abort();
      return;
    }
    link.keepAlive = new KeepAlive(connection, client, keepAliveTimes, this.options.clock);
    this.scheduleCheck(link);
  }

  private lost(link: Link): void {
    this.links.delete(link);
    link.keepAlive?.stop();
    this.options.clock.cancel(link.checkTimer);
    if (this.current !== link) return;
    this.current = undefined;
    this.failWaiting('the connection was closed');
  }

  private scheduleCheck(link: Link): void {
    const { clock } = this.options;
    link.checkTimer = clock.after(checkIntervalMs, () => {
      link.client.checkDeadlines(clock.nowMs());
      if (!this.links.has(link)) return;
      // What waits for a stream of a connection that drains meanwhile would wait for ever.
      this.connectIfNeeded();
      this.scheduleCheck(link);
    });
  }

  /** A server allows so many streams at a time; the others start as those end. */
  private startWaiting(): void {
    const client = this.current?.client;
    while (client !== undefined && this.waiting.length > 0 && this.start(this.waiting[0], client)) this.waiting.shift();
  }

  private failWaiting(detail: string): void {
    for (const { call } of this.waiting.splice(0)) call.fail(Status.unavailable, detail);
  }
}

const encode = <Input extends DescMessage>(schema: Input, message: MessageShape<Input>): Uint8Array =>
  toBinary(schema, message);

function decode<Output extends DescMessage>(schema: Output, bytes: Uint8Array): MessageShape<Output> | undefined {
  try {
    return fromBinary(schema, bytes);
  } catch {
    return undefined;
  }
}
