/**
 * Sends unary gRPC calls as fast as they are answered, each with a path of 20,000 and a header of its own.
 *
 * Usage: bun varied-grpc.ts HOST PORT AUTHORITY CONNECTIONS STREAMS REQUESTS
 */
import type { Field } from '../../proxy/wire/field.ts';
import { Http2Client } from '../../proxy/wire/http2/client.ts';
import type { ResponseHandler } from '../../proxy/wire/stream.ts';
import { fail, VariedLoad } from './varied-load.ts';

const [host, port, authority, connections, streams, requests] = process.argv.slice(2);
const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 16]), Buffer.alloc(16, 1)]);

const load = new VariedLoad<Http2Client>({
  authority,
  method: 'POST',
  path: '/bench.Echo/Say',
  fields: [
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ],
  requests: Number(requests),
  client: (parts) => new Http2Client({ ...parts, onAvailable: parts.onReady }),
  send(client, head) {
    const stream = client.request(head, false, new Call(client));
    if (stream === undefined) fail('no stream was left');
    stream.sendData(message, true);
  },
});

class Call implements ResponseHandler {
  private readonly client: Http2Client;

  constructor(client: Http2Client) {
    this.client = client;
  }

  onInformational(): void {}

  onResponse(head: { status: number }): void {
    if (head.status !== 200) fail(`status ${head.status}`);
  }

  /** The answer is smaller than the window: nothing of that has to be given back. */
  onData(): void {}

  onTrailers(fields: Field[]): void {
    if (!fields.some(({ name, value }) => name === 'grpc-status' && value === '0')) fail('the call failed');
    load.answered();
    load.next(this.client);
  }

  onSent(): void {}

  onReset(_code: number, reason: string): void {
    fail(`the call was reset: ${reason}`);
  }
}

load.start(host, Number(port), Number(connections), Number(streams));
