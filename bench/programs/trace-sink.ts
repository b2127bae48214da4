/**
 * Takes whatever spans come, and keeps none: an HTTP/1.1 server that answers each body with 200. Prints its port, and ends with its
 * standard input.
 */
import { OpenConnections } from '../../proxy/accept/open-connections.ts';
import { serveHttp } from '../../proxy/accept/serve-http.ts';
import { systemClock } from '../../proxy/clock.ts';
import { listen } from '../../proxy/net/listen.ts';
import { EventLoopTurn } from '../../proxy/net/turn.ts';
import { FieldTable } from '../../proxy/wire/field-table.ts';
import { responseHead } from '../../proxy/wire/heads.ts';
import type { ServerStream, StreamHandler } from '../../proxy/wire/stream.ts';

const options = {
  clock: systemClock,
  turn: new EventLoopTurn(),
  fields: new FieldTable(1),
  open: new OpenConnections(systemClock),
  keepAlive: undefined,
};
const taken = responseHead(200, 0, []);

function take(stream: ServerStream): StreamHandler {
  return {
    onData: (chunk, last) => {
      stream.credit(chunk.length);
      if (last) stream.sendResponse(taken, true);
    },
    onTrailers: () => stream.sendResponse(taken, true),
    onSent: () => {},
    onReset: () => {},
  };
}

const listener = listen('127.0.0.1', 0, (connection) =>
  serveHttp(connection, 'http1', new Uint8Array(0), options, {
    onRequest: (stream, _head, end) => {
      if (end) stream.sendResponse(taken, true);
      return take(stream);
    },
    onRefused: (reason) => console.error(reason),
    onClosed: () => {},
  }),
);
console.log(listener.port);
process.stdin.on('end', () => process.exit());
process.stdin.resume();
