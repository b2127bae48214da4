import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { Readable } from 'node:stream';
import { Client, credentials, status as grpcStatus, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Field } from '../../proxy/wire/field.ts';
import { FieldTable } from '../../proxy/wire/field-table.ts';
import { responseHead } from '../../proxy/wire/heads.ts';
import { Http2Server } from '../../proxy/wire/http2/server.ts';
import { ErrorCode, type RequestListener } from '../../proxy/wire/stream.ts';
import { NodeTransport, NodeTurn } from '../../proxy/wire/testing/node-transport.ts';
import { needs, run } from './program.ts';

/** Clients in the middle of a long upload that our HTTP/2 server side answers at its head. */
let server: Server;
let origin: string;
let port: number;
const broken: string[] = [];
const uploadBytes = 10_000_000;
function* upload(): Generator<Buffer> {
  for (let sent = 0; sent < uploadBytes; sent += 10_000) yield Buffer.alloc(10_000);
}

/** Answers with the status and as many bytes as the path says: `/401/100`. */
const refuse: RequestListener = (stream, { path, fields }) => {
  if (fields.some(({ name, value }) => name === 'content-type' && value === 'application/grpc')) {
    stream.sendResponse(responseHead(200, -1, [new Field('content-type', 'application/grpc')]), false);
    stream.sendTrailers([new Field('grpc-status', '16'), new Field('grpc-message', 'who are you')]);
  } else {
    const [, status, bytes] = path.split('/').map(Number);
    stream.sendResponse(responseHead(status, -1), false);
    stream.sendData(new Uint8Array(bytes).fill(0x61), true);
  }
  stream.reset(ErrorCode.noError, 'answered');
  return { onData() {}, onTrailers() {}, onSent() {}, onReset() {} };
};

beforeAll(async () => {
  const turn = new NodeTurn();
  const fields = new FieldTable(1);
  server = createServer({ allowHalfOpen: true }, (socket) => {
    const transport = new NodeTransport(socket);
    const onProtocolError = (reason: string): void => void broken.push(reason);
    transport.handler = new Http2Server({ transport, turn, fields, onRequest: refuse, onProtocolError });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  origin = `http://127.0.0.1:${port}`;
});
afterAll(() => {
  server.close();
  expect(broken).toEqual([]);
});

describe.each([
  ['refused with a short answer', 401, 100],
  // The rest of it waits for the client's window while the request is dropped already.
  ['refused with a long answer', 413, 1_000_000],
  ['answered with success', 200, 100],
])('an upload that is %s', (_name, status, bytes) => {
  it("is told to Node's client, again and again on one connection", async () => {
    const session = connectHttp2(origin);
    for (let i = 0; i < 10; i++) {
      const stream = session.request({ ':method': 'POST', ':path': `/${status}/${bytes}` });
      const errors: Error[] = [];
      stream.on('error', (error) => errors.push(error));
      const closed = new Promise((resolve) => stream.once('close', resolve));
      let answer: number | undefined;
      stream.on('response', (headers) => {
        answer = headers[':status'];
      });
      let got = 0;
      stream.on('data', (chunk: Buffer) => {
        got += chunk.length;
      });
      Readable.from(upload()).pipe(stream);
      await closed;
      expect([answer, got, stream.rstCode, errors]).toEqual([status, bytes, constants.NGHTTP2_NO_ERROR, []]);
    }
    session.destroy();
  });

  const [hasCurl, curl] = needs('curl', 'curl');
  it.skipIf(!hasCurl)(`is told to ${curl}`, async () => {
    const options = ['--silent', '--show-error', '--http2-prior-knowledge', '--data-binary', '@-'];
    const write = ['--output', '/dev/null', '--write-out', '%{http_code} %{size_download}'];
    const out = await run('curl', [...options, ...write, `${origin}/${status}/${bytes}`], Buffer.alloc(uploadBytes));
    expect(out.toString()).toBe(`${status} ${bytes}`);
  });
});

it('a gRPC client that streams learns its status', async () => {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const asIs = (bytes: Buffer): Buffer => bytes;
  for (let i = 0; i < 20; i++) {
    const error = await new Promise<ServiceError | null>((resolve) => {
      const call = client.makeClientStreamRequest('/test.Upload/Send', asIs, asIs, new Metadata(), resolve);
      for (let message = 0; message < 100; message++) call.write(Buffer.alloc(100_000));
    });
    expect([error?.code, error?.details]).toEqual([grpcStatus.UNAUTHENTICATED, 'who are you']);
  }
  client.close();
});
