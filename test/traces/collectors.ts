import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fromBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { ExportTraceServiceRequestSchema, type Span_SpanKind } from '../clients/gen/otlp_pb.js';

/** A span as any of the collectors was told it. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly kind: 'server' | 'client' | 'internal';
  readonly name: string;
  readonly service: string;
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A collector of the test's own, which keeps what it is told. */
export interface TestCollector {
  readonly port: number;
  readonly spans: ReceivedSpan[];
  /** Connections that were made to it so far. */
  readonly connections: number;
  stop(): Promise<void>;
}

type Respond = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

async function httpCollector(respond: Respond, port = 0, host = '127.0.0.1'): Promise<Omit<TestCollector, 'spans'>> {
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => respond(request, response, Buffer.concat(chunks)));
  });
  server.on('connection', () => connections++);
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Takes Zipkin's v2 JSON, at any port or at one that is given. */
export async function zipkinCollector(port = 0, host = '127.0.0.1'): Promise<TestCollector> {
  const spans: ReceivedSpan[] = [];
  const collector = await httpCollector(
    (request, response, body) => {
      const isRight = request.url === '/api/v2/spans' && request.headers['content-type'] === 'application/json';
      if (isRight) spans.push(...readZipkin(body.toString()));
      response.writeHead(isRight ? 202 : 404).end();
    },
    port,
    host,
  );
  return Object.assign(collector, { spans });
}

/** Takes OTLP over HTTP. */
export async function otlpHttpCollector(): Promise<TestCollector> {
  const spans: ReceivedSpan[] = [];
  const collector = await httpCollector((request, response, body) => {
    const isRight = request.url === '/v1/traces' && request.headers['content-type'] === 'application/x-protobuf';
    if (isRight) spans.push(...readOtlp(body));
    response.writeHead(isRight ? 200 : 404, { 'content-type': 'application/x-protobuf' }).end();
  });
  return Object.assign(collector, { spans });
}

/** Answers `status`, or nothing at all when it is 0. */
export async function badCollector(status: number): Promise<TestCollector> {
  const collector = await httpCollector((_request, response) => {
    if (status > 0) response.writeHead(status).end();
  });
  return Object.assign(collector, { spans: [] });
}

/** Takes OTLP over gRPC. */
export async function otlpGrpcCollector(port = 0, host = '127.0.0.1'): Promise<TestCollector> {
  const spans: ReceivedSpan[] = [];
  const server = new Server();
  const raw = { requestSerialize: identity, requestDeserialize: identity, responseSerialize: identity };
  server.addService(
    {
      export: {
        path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        requestStream: false,
        responseStream: false,
        responseDeserialize: identity,
        ...raw,
      },
    },
    {
      export: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
        spans.push(...readOtlp(call.request));
        done(null, Buffer.alloc(0));
      },
    },
  );
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, at) =>
      error === null ? resolve(at) : reject(error),
    ),
  );
  return { port: bound, spans, connections: 1, stop: async () => server.forceShutdown() };
}

const identity = (bytes: Buffer): Buffer => bytes;

interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind?: string;
  readonly name: string;
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Record<string, string>;
}

export const readZipkin = (body: string): ReceivedSpan[] =>
  (JSON.parse(body) as ZipkinSpan[]).map(({ traceId, id, parentId = '', kind, name, localEndpoint, tags = {} }) => ({
    traceId,
    spanId: id,
    parentId,
    kind: (kind?.toLowerCase() ?? 'internal') as ReceivedSpan['kind'],
    name,
    service: localEndpoint.serviceName,
    isError: 'error' in tags,
    attributes: tags,
  }));

const kinds: Readonly<Record<Span_SpanKind, ReceivedSpan['kind']>> = {
  0: 'internal',
  1: 'internal',
  2: 'server',
  3: 'client',
};

function readOtlp(body: Uint8Array): ReceivedSpan[] {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return fromBinary(ExportTraceServiceRequestSchema, body).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const told = Object.fromEntries(
      (resource?.attributes ?? []).map(({ key, value }) => [key, String(value?.value.value)]),
    );
    return scopeSpans
      .flatMap(({ spans }) => spans)
      .map((span) => ({
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentId: hex(span.parentSpanId),
        kind: kinds[span.kind],
        name: span.name,
        service: told['service.name'] ?? '',
        isError: span.status?.code === 2,
        attributes: Object.fromEntries(span.attributes.map(({ key, value }) => [key, String(value?.value.value)])),
      }));
  });
}
