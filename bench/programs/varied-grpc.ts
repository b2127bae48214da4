/**
 * Sends unary gRPC calls as fast as they are answered, each with a path of 20,000 and a header of its own.
 *
 * Usage: bun varied-grpc.ts HOST PORT AUTHORITY CONNECTIONS STREAMS REQUESTS
 */
import { connect } from '../../proxy/net/connect.ts';
import { EventLoopTurn } from '../../proxy/net/turn.ts';
import { Field } from '../../proxy/wire/field.ts';
import { FieldTable } from '../../proxy/wire/field-table.ts';
import { Http2Client } from '../../proxy/wire/http2/client.ts';
import type { ResponseHandler, Stream } from '../../proxy/wire/stream.ts';

const [host, port, authority, connections, streams, requests] = process.argv.slice(2);
const total = Number(requests);
const turn = new EventLoopTurn();
const table = new FieldTable(1);
const contentType = new Field('content-type', 'application/grpc');
const te = new Field('te', 'trailers');
contentType.interned = true;
te.interned = true;
const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 16]), Buffer.alloc(16, 1)]);
let sent = 0;
let done = 0;
let startMs = 0;

function fail(reason: string): never {
  console.error(reason);
  process.exit(1);
}

function next(client: Http2Client): void {
  if (sent === total) return;
  sent++;
  const head = {
    method: 'POST',
    scheme: 'http',
    authority,
    path: `/bench.Echo/Say${sent % 20_000}`,
    contentLength: -1,
    upgrade: undefined,
    absoluteForm: false,
    fields: [contentType, te, new Field('x-request-id', `${sent}-${sent * 7919}`)],
  };
  const stream = client.request(head, false, new Call(client));
  if (stream === undefined) fail('no stream was left');
  stream.sendData(message, true);
}

class Call implements ResponseHandler {
  private readonly client: Http2Client;
  private readonly stream: Stream | undefined = undefined;

  constructor(client: Http2Client) {
    this.client = client;
  }

  onInformational(): void {}

  onResponse(head: { status: number }): void {
    if (head.status !== 200) fail(`status ${head.status}`);
  }

  onData(chunk: Uint8Array): void {
    this.stream?.credit(chunk.length);
  }

  onTrailers(fields: Field[]): void {
    if (!fields.some(({ name, value }) => name === 'grpc-status' && value === '0')) fail('the call failed');
    done++;
    if (done === total) {
      console.log(JSON.stringify({ requests: total, seconds: (performance.now() - startMs) / 1000 }));
      process.exit(0);
    }
    next(this.client);
  }

  onSent(): void {}

  onReset(_code: number, reason: string): void {
    fail(`the call was reset: ${reason}`);
  }
}

let opened = 0;
for (let index = 0; index < Number(connections); index++) {
  connect(
    { host, port: Number(port), timeoutMs: 3000 },
    (connection) => {
      const client: Http2Client = new Http2Client({
        transport: connection,
        turn,
        fields: table,
        onAvailable: () => {},
        onClosed: (_client, error) => fail(`connection closed: ${error?.message}`),
      });
      connection.handler = client;
      opened++;
      if (opened === 1) startMs = performance.now();
      for (let stream = 0; stream < Number(streams); stream++) next(client);
    },
    (_failure, detail) => fail(detail),
  );
}
