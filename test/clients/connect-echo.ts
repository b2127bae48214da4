import { createServer, type ServerHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { create } from '@bufbuild/protobuf';
import {
  ConnectError,
  type ConnectRouter,
  createClient,
  type HandlerContext,
  type CallOptions as Options,
} from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { bigMetadata, CallFailed, type CallOptions, type EchoClient, EchoLog, type EchoServer } from './echo.ts';
import { type EchoRequest, type EchoResponse, EchoResponseSchema, EchoService } from './gen/test/echo/v1/echo_pb.js';

/** Calls `authority` by @connectrpc/connect through the outbound listener at `host`:`port`. */
export function connectClient(host: string, port: number, authority: string): EchoClient {
  const baseUrl = `http://${authority}`;
  // It knows no proxy: a connection of its own leads there, on which requests name the service.
  const sessionManager = new Http2SessionManager(baseUrl, undefined, { createConnection: () => connect(port, host) });
  const transport = createGrpcTransport({ baseUrl, sessionManager, writeMaxBytes: 2 ** 31, readMaxBytes: 2 ** 31 });
  const client = createClient(EchoService, transport);
  const settled = async (call: (told: Options) => Promise<EchoResponse>, options: CallOptions) => {
    let headers = new Map<string, string>();
    let trailers = new Map<string, string>();
    try {
      const response = await call({
        ...callOptions(options),
        onHeader: (told) => {
          headers = new Map(told);
        },
        onTrailer: (told) => {
          trailers = new Map(told);
        },
      });
      return { response, headers, trailers };
    } catch (error) {
      throw failureOf(error);
    }
  };
  return {
    unary: (request, options = {}) => settled((told) => client.unary(request, told), options),
    collect: (requests, options = {}) => settled((told) => client.collect(requests, told), options),
    repeat: (request, options = {}) => messages(client.repeat(request, callOptions(options))),
    chat: (requests, options = {}) => messages(client.chat(requests, callOptions(options))),
    close: () => sessionManager.abort(),
  };
}

const callOptions = ({ metadata, timeoutMs, signal }: CallOptions): Options => ({
  headers: metadata,
  timeoutMs: timeoutMs ?? 30_000,
  signal,
});

async function* messages(calls: AsyncIterable<EchoResponse>): AsyncIterable<EchoResponse> {
  try {
    yield* calls;
  } catch (error) {
    throw failureOf(error);
  }
}

function failureOf(error: unknown): CallFailed {
  const { code, rawMessage, metadata } = ConnectError.from(error);
  return new CallFailed(code, rawMessage, new Map(metadata));
}

/** Serves the echo service by @connectrpc/connect on Node's HTTP/2. */
export async function connectServer(host: string, port: number): Promise<EchoServer> {
  const log = new EchoLog();
  const routes = (router: ConnectRouter): void => {
    router.service(EchoService, {
      async unary(request, context) {
        watch(context, log);
        if (request.hang) {
          log.timeoutsMs.push(context.timeoutMs());
          await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
        }
        const big = 'm'.repeat(request.metadataBytes);
        if (request.failWith > 0) throw failure(request, { [bigMetadata]: big });
        if (request.metadataBytes > 0) {
          context.responseHeader.set(bigMetadata, big);
          context.responseTrailer.set(bigMetadata, big);
        }
        return create(EchoResponseSchema, {
          payload: request.payload,
          clientId: context.requestHeader.get('l5d-client-id') ?? '',
          metadataBytes: context.requestHeader.get(bigMetadata)?.length ?? 0,
        });
      },
      async collect(requests, context) {
        watch(context, log);
        const payloads: Uint8Array[] = [];
        for await (const { payload } of requests) payloads.push(payload);
        return create(EchoResponseSchema, { payload: Buffer.concat(payloads) });
      },
      async *repeat(request, context) {
        watch(context, log);
        const { count, payload } = request;
        for (let i = 0; i < count && !context.signal.aborted; i++) yield create(EchoResponseSchema, { payload });
        if (request.failWith > 0) throw failure(request, {});
      },
      async *chat(requests, context) {
        log.open++;
        watch(context, log);
        try {
          for await (const { payload } of requests) yield create(EchoResponseSchema, { payload });
        } finally {
          log.open--;
        }
      },
    });
  };
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(connectNodeAdapter({ routes, readMaxBytes: 2 ** 31, writeMaxBytes: 2 ** 31 }));
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    log,
    stop: () => {
      server.close();
      for (const session of sessions) session.destroy();
    },
  };
}

/** Counts a call that its client gave up; the signal also tells of its end. */
function watch({ signal }: HandlerContext, log: EchoLog): void {
  signal.addEventListener('abort', () => {
    if (signal.reason instanceof ConnectError) log.cancelled++;
  });
}

function failure({ failWith }: EchoRequest, metadata: Record<string, string>): ConnectError {
  return new ConnectError(`status ${failWith} is 100 % wanted`, failWith, metadata);
}
