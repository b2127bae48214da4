/** What all proxies lead to: HTTP/1.1 on 8080, gRPC (HTTP/2 with prior knowledge) on 8090, answered at once. */
import { OpenConnections } from '../../proxy/accept/open-connections.ts';
import { serveHttp } from '../../proxy/accept/serve-http.ts';
import type { HttpVersion } from '../../proxy/exchange/exchange.ts';
import { listen } from '../../proxy/net/listen.ts';
import { EventLoopTurn } from '../../proxy/net/turn.ts';
import { Field } from '../../proxy/wire/field.ts';
import { FieldTable } from '../../proxy/wire/field-table.ts';
import type { RequestListener, ServerStream, StreamHandler } from '../../proxy/wire/stream.ts';

const host = process.env['POD_IP'] ?? '127.0.0.1';
const turn = new EventLoopTurn();
const fields = new FieldTable(1);
const open = new OpenConnections();

const text = Buffer.alloc(100, 'x');
const plain = {
  status: 200,
  contentLength: text.length,
  upgrade: undefined,
  fields: [new Field('content-type', 'text/plain')],
};
/** A message of 16 bytes behind gRPC's prefix: not compressed, its length. */
const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 16]), Buffer.alloc(16, 1)]);
const grpc = {
  status: 200,
  contentLength: -1,
  upgrade: undefined,
  fields: [new Field('content-type', 'application/grpc')],
};
const trailers = [new Field('grpc-status', '0')];

function respond(stream: ServerStream, version: HttpVersion): void {
  if (version === 'http1') {
    stream.sendResponse(plain, false);
    stream.sendData(text, true);
  } else {
    stream.sendResponse(grpc, false);
    stream.sendData(message, false);
    stream.sendTrailers(trailers);
  }
}

function answer(version: HttpVersion): RequestListener {
  return (stream, _head, end): StreamHandler => {
    if (end) respond(stream, version);
    return {
      onData: (chunk, last) => {
        stream.credit(chunk.length);
        if (last) respond(stream, version);
      },
      onTrailers: () => respond(stream, version),
      onSent: () => {},
      onReset: () => {},
    };
  };
}

for (const [port, version] of [
  [8080, 'http1'],
  [8090, 'http2'],
] as const) {
  const onRequest = answer(version);
  listen(host, port, (connection) =>
    serveHttp(connection, version, new Uint8Array(0), {
      turn,
      fields,
      open,
      onRequest,
      onRefused: (reason) => console.error(reason),
      onClosed: () => {},
    }),
  );
}
