/**
 * Sends HTTP/1.1 GETs as fast as they are answered, each with a path of 20,000 and a header of its own.
 *
 * Usage: bun varied-http1.ts HOST PORT AUTHORITY CONNECTIONS REQUESTS
 */
import { connect } from '../../proxy/net/connect.ts';
import { EventLoopTurn } from '../../proxy/net/turn.ts';
import { Field } from '../../proxy/wire/field.ts';
import { FieldTable } from '../../proxy/wire/field-table.ts';
import { Http1Client } from '../../proxy/wire/http1/client.ts';
import type { ResponseHandler } from '../../proxy/wire/stream.ts';

const [host, port, authority, connections, requests] = process.argv.slice(2);
const total = Number(requests);
const turn = new EventLoopTurn();
const table = new FieldTable(1);
const userAgent = new Field('user-agent', 'varied-http1');
userAgent.interned = true;
let sent = 0;
let done = 0;
let startMs = 0;

function fail(reason: string): never {
  console.error(reason);
  process.exit(1);
}

function next(client: Http1Client): void {
  if (sent === total) return;
  sent++;
  const head = {
    method: 'GET',
    scheme: 'http',
    authority,
    path: `/hello${sent % 20_000}`,
    contentLength: -1,
    upgrade: undefined,
    absoluteForm: false,
    fields: [userAgent, new Field('x-request-id', `${sent}-${sent * 7919}`)],
  };
  if (client.request(head, true, answer) === undefined) fail('the connection took no request');
}

const answer: ResponseHandler = {
  onInformational() {},
  onResponse({ status }) {
    if (status !== 200) fail(`status ${status}`);
  },
  onData(_chunk, end) {
    if (!end || ++done < total) return;
    console.log(JSON.stringify({ requests: total, seconds: (performance.now() - startMs) / 1000 }));
    process.exit(0);
  },
  onTrailers() {},
  onSent() {},
  onReset: (_code, reason) => fail(`the request was reset: ${reason}`),
};

for (let index = 0; index < Number(connections); index++) {
  connect(
    { host, port: Number(port), timeoutMs: 3000 },
    (connection) => {
      const client: Http1Client = new Http1Client({
        transport: connection,
        turn,
        fields: table,
        onAvailable: next,
        onClosed: (_client, error) => fail(`connection closed: ${error?.message}`),
      });
      connection.handler = client;
      if (startMs === 0) startMs = performance.now();
      next(client);
    },
    (_failure, detail) => fail(detail),
  );
}
