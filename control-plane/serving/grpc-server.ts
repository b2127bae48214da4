import { constants, type IncomingHttpHeaders, performServerHandshake, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import { ConnectionLimits, isOwn, type Refusal } from './connection-limits.ts';
import { Code, GrpcError, timeoutMs } from './grpc-status.ts';
import { OutgoingStream } from './outgoing-stream.ts';
import { RequestReader } from './request-reader.ts';
import { type DropReason, ServerConnection } from './server-connection.ts';

type InputOf<Method> = Method extends { input: infer Input extends DescMessage } ? MessageShape<Input> : never;
type OutputOf<Method> = Method extends { output: infer Output extends DescMessage } ? MessageShape<Output> : never;

/** Answers one message. A GrpcError is told to the client; what else is thrown is an internal error. */
export type UnaryHandler<Input, Output> = (request: Input, peer: string) => Output | Promise<Output>;
/** Sends messages, encoded, on the stream until that ends; who needs to know sets its `owner`. */
export type StreamHandler<Input> = (request: Input, stream: OutgoingStream) => void;

/** Handlers of a service, by the local name of the method: `getProfile` for `GetProfile`. */
export type Handlers<Methods extends GenServiceMethods> = {
  [Name in keyof Methods]: Methods[Name]['methodKind'] extends 'unary'
    ? UnaryHandler<InputOf<Methods[Name]>, OutputOf<Methods[Name]>>
    : StreamHandler<InputOf<Methods[Name]>>;
};

/** A service with its handlers, as a server takes it. */
export interface ServedService {
  readonly methods: readonly Method[];
}

interface Method {
  readonly path: string;
  readonly call: (request: Uint8Array, stream: OutgoingStream) => void | Promise<void>;
}

/** Joins a service to its handlers, with the types that its description says. */
export function serve<Methods extends GenServiceMethods>(
  service: GenService<Methods>,
  handlers: Handlers<Methods>,
): ServedService {
  const methods = service.methods.map((method): Method => {
    const path = `/${service.typeName}/${method.name}`;
    const handler = handlers[method.localName as keyof Methods] as unknown;
    if (method.methodKind === 'server_streaming') {
      const stream = handler as StreamHandler<MessageShape<DescMessage>>;
      return { path, call: (request, call) => stream(decode(method.input, request), call) };
    }
    const unary = handler as UnaryHandler<MessageShape<DescMessage>, MessageShape<DescMessage>>;
    return {
      path,
      async call(request, call) {
        const message = await unary(decode(method.input, request), call.peer);
        call.send(toBinary(method.output, message));
        call.end();
      },
    };
  });
  return { methods };
}

function decode(schema: DescMessage, bytes: Uint8Array): MessageShape<DescMessage> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new GrpcError(Code.internal, `the request cannot be read: ${(error as Error).message}`);
  }
}

export interface GrpcServerOptions {
  readonly services: readonly ServedService[];
  /** Told of what a handler throws besides a GrpcError. */
  readonly onFailure: (path: string, error: Error) => void;
  /** Told of each connection that was ended without its client's consent. */
  readonly onDropped?: (reason: DropReason) => void;
  readonly random: () => number;
  /** Between pings of each connection; one that has not answered the last by then is closed. Default 15 s. */
  readonly pingMs?: number;
  /**
   * Connections on which the client has said nothing yet. One more, and the oldest of them is dropped: who means to
   * speak does so within a round trip. Default 1,000.
   */
  readonly maxSilent?: number;
  /**
   * A connection takes no more calls after this long, more or less by a fifth, and its streams end in the course of the
   * next pings: the clients come back, and a replica that is new gets its share of them. Default 30 min. Our proxies
   * leave sooner by themselves: they have an age of connections too, since they only see that of the sidecar before this.
   */
  readonly connectionAgeMs?: number;
  /** Told of a connection or a call that was refused because too many are held, and by which address. */
  readonly onRefused?: (limit: Refusal, address: string) => void;
  /** How long a request may take to arrive. Default 10 s. */
  readonly requestMs?: number;
}

/** Requests are small: names, tokens, signing requests. */
const maxRequestBytes = 64 * 1024;
/** Of an address, besides this host's own, which speaks for many. */
const maxConnectionsPerAddress = 256;
const maxConnections = 10_000;
/** Calls under way of an address, and of all. One that waits for changes costs a few KB. */
const maxStreamsPerAddress = 4096;
const maxStreams = 200_000;
/** Through a sidecar one connection carries the streams of many proxies: what bounds them is each stream's own queue. */
const maxSessionMemoryMb = 4096;

/**
 * gRPC over node:http2, in plaintext: the sidecar beside the component adds TLS. Calls of one message that is answered
 * with one or with a stream, without compression: the API has no others. A stream that is open costs a few KB.
 */
export class GrpcServer {
  private readonly options: GrpcServerOptions;
  private readonly methods: ReadonlyMap<string, Method>;
  private readonly servers: Server[] = [];
  private readonly connections = new Set<ServerConnection>();
  /** Of them, those whose client's SETTINGS have not come yet; the oldest stands first. */
  private readonly silent = new Set<ServerConnection>();
  private readonly timer: NodeJS.Timeout;
  private readonly limits: ConnectionLimits;
  private readonly streamsOf = new Map<string, number>();
  private streamCount = 0;

  constructor(options: GrpcServerOptions) {
    this.options = options;
    this.limits = new ConnectionLimits({
      most: maxConnections,
      mostPerAddress: maxConnectionsPerAddress,
      onRefused: (limit, address) => options.onRefused?.(limit, address),
    });
    this.methods = new Map(options.services.flatMap(({ methods }) => methods.map((method) => [method.path, method])));
    this.timer = setInterval(() => this.look(), options.pingMs ?? 15_000);
    this.timer.unref();
  }

  /** Listens on another address; resolves with its port. */
  listen(host: string, port: number): Promise<number> {
    // Half open, as HTTP/2 ends: a session closes its socket itself, once it has said all.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.connected(socket));
    this.limits.watch(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        this.servers.push(server);
        resolve((server.address() as AddressInfo).port);
      });
    });
  }

  /** Takes no more calls, and ends after `graceMs` what is still under way, whatever its clients do. */
  async stop(graceMs: number): Promise<void> {
    clearInterval(this.timer);
    const closed = this.servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const connection of this.connections) connection.leave();
    const timer = setTimeout(() => {
      for (const connection of this.connections) connection.destroy();
    }, graceMs);
    await Promise.all(closed);
    clearTimeout(timer);
  }

  /** The socket is ours, not node's: a session that has ended gives nobody access to it any more. */
  private connected(socket: Socket): void {
    const { connectionAgeMs = 30 * 60_000, maxSilent = 1000, random, onDropped = () => {} } = this.options;
    const session = performServerHandshake(socket, { maxSessionMemory: maxSessionMemoryMb });
    const endsMs = performance.now() + connectionAgeMs * (0.8 + 0.4 * random());
    const connection = new ServerConnection(socket, session, endsMs, onDropped);
    socket.on('error', () => {});
    session.on('error', () => {});
    session.on('stream', (stream, headers) => this.take(stream, headers, connection));
    this.connections.add(connection);
    session.once('remoteSettings', () => this.silent.delete(connection));
    socket.once('close', () => {
      this.connections.delete(connection);
      this.silent.delete(connection);
    });
    const [oldest] = this.silent;
    if (this.silent.size >= maxSilent) {
      this.silent.delete(oldest);
      oldest.drop('too many silent');
    }
    this.silent.add(connection);
  }

  /** Pings all connections, and parts from those that are dead or old. */
  private look(): void {
    const nowMs = performance.now();
    for (const connection of this.connections) connection.look(nowMs);
  }

  private take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: ServerConnection): void {
    const call = new OutgoingStream(stream, connection.streams);
    if (!this.counts(stream, connection)) {
      call.end(Code.resourceExhausted, 'as many calls are under way as may be');
      return;
    }
    if (headers[':method'] !== 'POST' || !headers['content-type']?.startsWith('application/grpc')) {
      stream.respond({ ':status': 415 }, { endStream: true });
      return;
    }
    const path = headers[':path'] ?? '';
    const method = this.methods.get(path);
    if (method === undefined) {
      call.end(Code.unimplemented, `${path.slice(0, 200)} is not served here`);
      return;
    }
    const ms = timeoutMs(headers['grpc-timeout'] as string | undefined);
    if (ms !== undefined) {
      const timer = setTimeout(
        () => call.end(Code.deadlineExceeded, 'the deadline is over'),
        Math.min(ms, 0x7fff_ffff),
      );
      stream.once('close', () => clearTimeout(timer));
    }
    const { requestMs = 10_000 } = this.options;
    RequestReader.read(stream, maxRequestBytes, requestMs, (request, error) => {
      if (error === undefined) void this.answer(method, request, call);
      else {
        call.end(error.code, error.message);
        // What is still on its way is read away for a while, for the connection's sake; its rest may never come.
        const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), requestMs);
        stream.once('close', () => clearTimeout(timer));
      }
    });
  }

  /** Counts a call until it ends; false when its client, or all together, have too many. */
  private counts(stream: ServerHttp2Stream, { client, streams }: ServerConnection): boolean {
    const address = client.remoteAddress ?? '';
    const held = (this.streamsOf.get(address) ?? 0) + 1;
    this.streamsOf.set(address, held);
    this.streamCount++;
    this.limits.begin(client);
    stream.once('close', () => {
      this.streamCount--;
      const left = (this.streamsOf.get(address) ?? 1) - 1;
      if (left === 0) this.streamsOf.delete(address);
      else this.streamsOf.set(address, left);
      if (streams.size === 0) this.limits.end(client);
    });
    const limit = this.streamCount > maxStreams ? 'all' : !isOwn(address) && held > maxStreamsPerAddress && 'address';
    if (limit === false) return true;
    this.options.onRefused?.(limit, address);
    return false;
  }

  private async answer(method: Method, request: Uint8Array, call: OutgoingStream): Promise<void> {
    if (!call.open) return;
    try {
      await method.call(request, call);
    } catch (error) {
      if (error instanceof GrpcError) {
        call.end(error.code, error.message);
        return;
      }
      this.options.onFailure(method.path, error as Error);
      call.end(Code.internal, 'the call failed here');
    }
  }
}
