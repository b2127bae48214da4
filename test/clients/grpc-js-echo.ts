import { once } from 'node:events';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
} from '@grpc/grpc-js';
import {
  bigMetadata,
  CallFailed,
  type CallOptions,
  type EchoClient,
  EchoLog,
  type EchoServer,
  type Reply,
} from './echo.ts';
import {
  type EchoRequest,
  EchoRequestSchema,
  type EchoResponse,
  EchoResponseSchema,
  EchoService,
} from './gen/test/echo/v1/echo_pb.js';

const encodeRequest = (message: EchoRequest): Buffer => Buffer.from(toBinary(EchoRequestSchema, message));
const decodeRequest = (bytes: Buffer): EchoRequest => fromBinary(EchoRequestSchema, bytes);
const encodeResponse = (message: EchoResponse): Buffer => Buffer.from(toBinary(EchoResponseSchema, message));
const decodeResponse = (bytes: Buffer): EchoResponse => fromBinary(EchoResponseSchema, bytes);
const pathOf = (method: string): string => `/${EchoService.typeName}/${method}`;
const unlimited = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };

/** Calls `authority` by @grpc/grpc-js through the outbound listener at `proxy`. */
export function grpcJsClient(proxy: string, authority: string): EchoClient {
  const client = new Client(proxy, credentials.createInsecure(), {
    ...unlimited,
    'grpc.default_authority': authority,
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
  });
  const settle = (
    start: (metadata: Metadata, options: object, done: (e: ServiceError | null, r?: EchoResponse) => void) => Sent,
    options: CallOptions,
  ): Promise<Reply> =>
    new Promise((resolve, reject) => {
      let headers = new Map<string, string>();
      let trailers = new Map<string, string>();
      const call = start(metadataOf(options), deadlineOf(options), (error, response) =>
        // The status, with the trailers, comes behind the message.
        setImmediate(() =>
          error !== null ? reject(failureOf(error)) : resolve({ response: response!, headers, trailers }),
        ),
      );
      options.signal?.addEventListener('abort', () => call.cancel());
      call.on('metadata', (metadata: Metadata) => {
        headers = plain(metadata);
      });
      call.on('status', (told: { metadata: Metadata }) => {
        trailers = plain(told.metadata);
      });
    });
  return {
    unary: (request, options = {}) =>
      settle(
        (metadata, deadline, done) =>
          client.makeUnaryRequest(
            pathOf('Unary'),
            encodeRequest,
            decodeResponse,
            request,
            metadata,
            deadline,
            done,
          ) as unknown as Sent,
        options,
      ),
    collect: (requests, options = {}) =>
      settle((metadata, deadline, done) => {
        const path = pathOf('Collect');
        const call = client.makeClientStreamRequest(path, encodeRequest, decodeResponse, metadata, deadline, done);
        void writeAll(requests, call);
        return call as unknown as Sent;
      }, options),
    repeat(request, options = {}) {
      const path = pathOf('Repeat');
      const call = client.makeServerStreamRequest(
        path,
        encodeRequest,
        decodeResponse,
        request,
        metadataOf(options),
        deadlineOf(options),
      );
      options.signal?.addEventListener('abort', () => call.cancel());
      return messages(call);
    },
    chat(requests, options = {}) {
      const path = pathOf('Chat');
      const call = client.makeBidiStreamRequest(
        path,
        encodeRequest,
        decodeResponse,
        metadataOf(options),
        deadlineOf(options),
      );
      options.signal?.addEventListener('abort', () => call.cancel());
      void writeAll(requests, call);
      return messages(call);
    },
    close: () => client.close(),
  };
}

interface Sent {
  cancel(): void;
  on(event: string, listener: (value: never) => void): unknown;
}

interface Sink {
  write(message: EchoRequest): boolean;
  end(): void;
  once(event: string, listener: () => void): unknown;
}

async function writeAll(requests: AsyncIterable<EchoRequest>, call: Sink): Promise<void> {
  for await (const request of requests) {
    if (!call.write(request)) await once(call as never, 'drain');
  }
  call.end();
}

async function* messages(call: AsyncIterable<unknown>): AsyncIterable<EchoResponse> {
  try {
    for await (const message of call) yield message as EchoResponse;
  } catch (error) {
    throw failureOf(error as ServiceError);
  }
}

const failureOf = ({ code, details, metadata }: ServiceError): CallFailed =>
  new CallFailed(code, details, plain(metadata));

const plain = (metadata: Metadata): Map<string, string> =>
  new Map(Object.entries(metadata.getMap()).map(([name, value]) => [name, String(value)]));

function metadataOf({ metadata }: CallOptions): Metadata {
  const made = new Metadata();
  for (const [name, value] of Object.entries(metadata ?? {})) made.set(name, value);
  return made;
}

const deadlineOf = ({ timeoutMs }: CallOptions) => ({ deadline: Date.now() + (timeoutMs ?? 30_000) });

/** Serves the echo service by @grpc/grpc-js. */
export async function grpcJsServer(address: string): Promise<EchoServer> {
  const log = new EchoLog();
  const server = new Server(unlimited);
  const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
    path: pathOf(name),
    requestStream,
    responseStream,
    requestSerialize: encodeRequest,
    requestDeserialize: decodeRequest,
    responseSerialize: encodeResponse,
    responseDeserialize: decodeResponse,
  });
  server.addService(
    {
      unary: method('Unary', false, false),
      collect: method('Collect', true, false),
      repeat: method('Repeat', false, true),
      chat: method('Chat', true, true),
    },
    {
      unary(call: ServerUnaryCall<EchoRequest, EchoResponse>, respond: sendUnaryData<EchoResponse>) {
        const { request, metadata } = call;
        call.on('cancelled', () => log.cancelled++);
        if (request.hang) {
          const deadline = call.getDeadline();
          log.timeoutsMs.push(deadline === Number.POSITIVE_INFINITY ? undefined : Number(deadline) - Date.now());
          return;
        }
        const big = new Metadata();
        if (request.metadataBytes > 0) big.set(bigMetadata, 'm'.repeat(request.metadataBytes));
        if (request.failWith > 0) {
          respond({ code: request.failWith, details: `status ${request.failWith} is 100 % wanted`, metadata: big });
          return;
        }
        if (request.metadataBytes > 0) call.sendMetadata(big);
        const response = create(EchoResponseSchema, {
          payload: request.payload,
          clientId: String(metadata.get('l5d-client-id')[0] ?? ''),
          metadataBytes: String(metadata.get(bigMetadata)[0] ?? '').length,
        });
        respond(null, response, big);
      },
      collect(call: ServerReadableStream<EchoRequest, EchoResponse>, respond: sendUnaryData<EchoResponse>) {
        const payloads: Uint8Array[] = [];
        call.on('data', ({ payload }: EchoRequest) => payloads.push(payload));
        call.on('cancelled', () => log.cancelled++);
        call.on('end', () => respond(null, create(EchoResponseSchema, { payload: Buffer.concat(payloads) })));
      },
      async repeat(call: ServerWritableStream<EchoRequest, EchoResponse>) {
        const { count, payload, failWith } = call.request;
        let gone = false;
        let goOn: () => void = () => {};
        call.on('drain', () => goOn());
        call.on('cancelled', () => {
          gone = true;
          log.cancelled++;
          goOn();
        });
        for (let i = 0; i < count && !gone; i++) {
          const drained = new Promise<void>((resolve) => {
            goOn = resolve;
          });
          if (!call.write(create(EchoResponseSchema, { payload }))) await drained;
        }
        if (failWith > 0) call.emit('error', { code: failWith, details: `status ${failWith} is 100 % wanted` });
        else call.end();
      },
      chat(call: ServerDuplexStream<EchoRequest, EchoResponse>) {
        log.open++;
        call.on('close', () => log.open--);
        call.on('cancelled', () => log.cancelled++);
        call.on('data', ({ payload }: EchoRequest) => call.write(create(EchoResponseSchema, { payload })));
        call.on('end', () => call.end());
      },
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
  });
  return { log, stop: () => server.forceShutdown() };
}
