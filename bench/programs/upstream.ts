/**
 * What all proxies lead to, answered at once: HTTP/1.1 on 8080 (`/bytes/N` with N bytes, each fifth of
 * `/flaky` with 503, all else with 100), gRPC
 * (HTTP/2 with prior knowledge) on 8090, and on 8070 a sink that takes as many bytes as the eight-byte number before
 * them says and answers with one.
 */
import { OpenConnections } from '../../proxy/accept/open-connections.ts';
import { serveHttp } from '../../proxy/accept/serve-http.ts';
import { systemClock } from '../../proxy/clock.ts';
import { listen } from '../../proxy/net/listen.ts';
import { EventLoopTurn } from '../../proxy/net/turn.ts';
import { Field } from '../../proxy/wire/field.ts';
import { FieldTable } from '../../proxy/wire/field-table.ts';
import { responseHead } from '../../proxy/wire/heads.ts';
import type { HttpVersion, RequestListener, ServerStream, StreamHandler } from '../../proxy/wire/stream.ts';
import type { Connection } from '../../proxy/wire/transport.ts';

const host = process.env['POD_IP'] ?? '127.0.0.1';
const turn = new EventLoopTurn();
const fields = new FieldTable(1);
const open = new OpenConnections(systemClock);
const options = { clock: systemClock, turn, fields, open, keepAlive: undefined };

const text = Buffer.alloc(100, 'x');
const plain = responseHead(200, text.length, [new Field('content-type', 'text/plain')]);
/** A message of 16 bytes behind gRPC's prefix: not compressed, its length. */
const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 16]), Buffer.alloc(16, 1)]);
const grpc = responseHead(200, -1, [new Field('content-type', 'application/grpc')]);
const trailers = [new Field('grpc-status', '0')];

const failed = responseHead(503, 0, []);
let flaky = 0;

const bodies = new Map<string, Uint8Array>();

/** The body that a path asks for, made once. */
function bodyOf(path: string): Uint8Array {
  const bytes = /^\/bytes\/(\d{1,8})$/.exec(path)?.[1];
  if (bytes === undefined) return text;
  let body = bodies.get(bytes);
  if (body === undefined) {
    body = Buffer.alloc(Number(bytes), 'x');
    bodies.set(bytes, body);
  }
  return body;
}

function respond(stream: ServerStream, version: HttpVersion, path: string): void {
  if (path === '/flaky' && ++flaky % 5 === 0) stream.sendResponse(failed, true);
  else if (version === 'http1') {
    const body = bodyOf(path);
    stream.sendResponse(body === text ? plain : { ...plain, contentLength: body.length }, false);
    stream.sendData(body, true);
  } else {
    stream.sendResponse(grpc, false);
    stream.sendData(message, false);
    stream.sendTrailers(trailers);
  }
}

function answer(version: HttpVersion): RequestListener {
  return (stream, { path }, end): StreamHandler => {
    if (end) respond(stream, version, path);
    return {
      onData: (chunk, last) => {
        stream.credit(chunk.length);
        if (last) respond(stream, version, path);
      },
      onTrailers: () => respond(stream, version, path),
      onSent: () => {},
      onReset: () => {},
    };
  };
}

function sink(connection: Connection): void {
  let head = Buffer.alloc(0);
  let missing = -1;
  connection.handler = {
    onBytes(chunk) {
      let bytes = chunk.length;
      if (missing < 0) {
        head = Buffer.concat([head, chunk]);
        if (head.length < 8) return;
        missing = Number(head.readBigUInt64LE(0));
        bytes = head.length - 8;
      }
      missing -= bytes;
      if (missing <= 0) connection.write(Buffer.from('D'));
    },
    onDrain() {},
    onEnd: () => connection.close(),
    onClose() {},
  };
}
listen(host, 8070, sink);

for (const [port, version] of [
  [8080, 'http1'],
  [8090, 'http2'],
] as const) {
  const onRequest = answer(version);
  listen(host, port, (connection) =>
    serveHttp(connection, version, new Uint8Array(0), options, {
      onRequest,
      onRefused: (reason) => console.error(reason),
      onClosed: () => {},
    }),
  );
}
