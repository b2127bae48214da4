import { once } from 'node:events';
import * as http2 from 'node:http2';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterEach } from 'vitest';
import type { Field } from '../field.ts';
import { FieldTable } from '../field-table.ts';
import { Http2Client } from '../http2/client.ts';
import { Http2Server } from '../http2/server.ts';
import type { RequestHead, RequestListener, ResponseHandler, ResponseHead } from '../stream.ts';
import { NodeTransport, NodeTurn } from './node-transport.ts';

/** What a test opened; closed behind it. */
export const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

export const turn = new NodeTurn();
export const fields = new FieldTable(1);

/** The port that a server has got. */
export async function listen(server: Server | http2.Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Serves `onRequest` by our server side; returns a session of Node's client. */
export async function nodeClient(
  onRequest: RequestListener,
  refused: string[] = [],
  onServer: (server: Http2Server) => void = () => {},
): Promise<http2.ClientHttp2Session> {
  const port = await listen(
    createServer({ allowHalfOpen: true }, (socket) => {
      const transport = new NodeTransport(socket);
      const server = new Http2Server({
        transport,
        turn,
        fields,
        onRequest,
        onProtocolError: (reason) => refused.push(reason),
      });
      transport.handler = server;
      onServer(server);
    }),
  );
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  cleanups.push(() => session.destroy());
  return session;
}

/** A client of ours connected to Node's server, whose SETTINGS have come. */
export async function ourClient(
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  settings: http2.Settings = {},
  onAvailable: () => void = () => {},
): Promise<Http2Client> {
  const server = http2.createServer({ settings });
  server.on('stream', onStream);
  const port = await listen(server);
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await once(socket, 'connect');
  cleanups.push(() => socket.destroy());
  const transport = new NodeTransport(socket);
  return new Promise((resolve) => {
    transport.handler = new Http2Client({
      ...{ transport, turn, fields, onClosed: () => {} },
      onAvailable: (client) => {
        onAvailable();
        resolve(client);
      },
    });
  });
}

export const response = (changes: Partial<ResponseHead> = {}): ResponseHead => ({
  status: 200,
  contentLength: -1,
  upgrade: undefined,
  fields: [],
  marks: 0,
  ...changes,
});
export const request = (changes: Partial<RequestHead> = {}): RequestHead => ({
  method: 'POST',
  scheme: 'http',
  authority: 'a',
  path: '/',
  contentLength: -1,
  upgrade: undefined,
  absoluteForm: false,
  fields: [],
  marks: 0,
  ...changes,
});

/** Sends back what comes, at the pace at which it is taken. */
export const echo: RequestListener = (stream, _head, end) => {
  stream.sendResponse(response(), end);
  return {
    onData: (chunk, last) => stream.sendData(chunk, last),
    onTrailers: (trailers) => stream.sendTrailers(trailers),
    onSent: (bytes) => stream.credit(bytes),
    onReset: () => {},
  };
};

/** `once` would reject with the error that comes before. */
export const closing = (emitter: { once(event: 'close', listener: () => void): unknown }): Promise<void> =>
  new Promise((resolve) => {
    emitter.once('close', resolve);
  });

/** The body of what a server sends to a client of Node. */
export async function readAll(stream: http2.ClientHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Gathers a response; `done` resolves with its end or reset. */
export class Gather implements ResponseHandler {
  head: ResponseHead | undefined = undefined;
  body = Buffer.alloc(0);
  trailers: Field[] = [];
  reset: number | undefined = undefined;
  sent = 0;
  readonly done: Promise<void>;
  private finish: () => void = () => {};
  onChunk: (bytes: number) => void = () => {};

  constructor() {
    this.done = new Promise((resolve) => {
      this.finish = resolve;
    });
  }
  onInformational(): void {}
  onResponse(head: ResponseHead, end: boolean): void {
    this.head = head;
    if (end) this.finish();
  }
  onData(chunk: Uint8Array, end: boolean): void {
    this.body = Buffer.concat([this.body, chunk]);
    this.onChunk(chunk.length);
    if (end) this.finish();
  }
  onTrailers(trailers: Field[]): void {
    this.trailers = trailers;
    this.finish();
  }
  onSent(bytes: number): void {
    this.sent += bytes;
  }
  onReset(code: number): void {
    this.reset = code;
    this.finish();
  }
}
