import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Field } from '../field.ts';
import { FieldTable } from '../field-table.ts';
import type { RequestHead, ResponseHandler, ResponseHead, ServerStream, Stream, StreamHandler } from '../stream.ts';
import { ManualTurn, MemoryTransport } from '../testing/memory-transport.ts';
import { Http1Client } from './client.ts';
import { Http1Server } from './server.ts';

/** Collects one direction of a message and gives credit at once. */
class Collector implements StreamHandler {
  body = Buffer.alloc(0);
  trailers: Field[] = [];
  ended = false;
  reset: string | undefined = undefined;
  source: Stream | undefined = undefined;
  onEnded: () => void = () => {};
  sent = 0;

  onData(chunk: Uint8Array, end: boolean): void {
    this.body = Buffer.concat([this.body, chunk]);
    this.source?.credit(chunk.length);
    if (!end) return;
    this.ended = true;
    this.onEnded();
  }
  onTrailers(fields: Field[]): void {
    this.trailers = fields;
    this.ended = true;
    this.onEnded();
  }
  onSent(bytes: number): void {
    this.sent += bytes;
  }
  onReset(_code: number, reason: string): void {
    this.reset = reason;
  }
}

class ResponseCollector extends Collector implements ResponseHandler {
  informational: number[] = [];
  head: ResponseHead | undefined = undefined;

  onInformational(head: ResponseHead): void {
    this.informational.push(head.status);
  }
  onResponse(head: ResponseHead, end: boolean): void {
    this.head = head;
    if (end) this.ended = true;
  }
}

/** A client and a server joined in memory; `move` carries bytes in pieces of the sizes given. */
function pair(onRequest: (stream: ServerStream, head: RequestHead, end: boolean) => StreamHandler) {
  const turn = new ManualTurn();
  const toServer = new MemoryTransport();
  const toClient = new MemoryTransport();
  let available = 0;
  const server = new Http1Server({ transport: toClient, turn, fields: new FieldTable(1), onRequest });
  const client = new Http1Client({
    transport: toServer,
    turn,
    fields: new FieldTable(2),
    onAvailable: () => {
      available++;
    },
    onClosed: () => {},
  });
  const carry = (from: MemoryTransport, to: { onBytes(chunk: Uint8Array): void }, sizes: number[]) => {
    const bytes = from.take();
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = Math.max(1, sizes[i % sizes.length] ?? bytes.length);
      to.onBytes(Buffer.from(bytes.subarray(at, at + size)));
      at += size;
    }
    return bytes.length > 0;
  };
  const move = (sizes: number[] = [1 << 20]) => {
    do turn.end();
    while ([carry(toServer, server, sizes), carry(toClient, client, sizes)].includes(true));
  };
  return { turn, toServer, toClient, server, client, move, availableAgain: () => available };
}

const request = (changes: Partial<RequestHead> = {}): RequestHead => ({
  method: 'POST',
  scheme: 'http',
  authority: 'voting:8080',
  path: '/',
  contentLength: -1,
  upgrade: undefined,
  absoluteForm: false,
  fields: [],
  marks: 0,
  ...changes,
});
const response = (changes: Partial<ResponseHead> = {}): ResponseHead => ({
  status: 200,
  contentLength: -1,
  upgrade: undefined,
  fields: [],
  marks: 0,
  ...changes,
});

const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), { maxLength: 6 });
const field = fc
  .tuple(fc.stringMatching(/^x-[a-z]{1,8}$/), fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/))
  .map(([name, value]) => new Field(name, value));

/** Sends a body the way `sized`, `trailers` say. */
function send(stream: Stream, body: Uint8Array[], trailers: Field[] | undefined): void {
  body.forEach((chunk, i) => {
    stream.sendData(chunk, trailers === undefined && i === body.length - 1);
  });
  if (trailers !== undefined) stream.sendTrailers(trailers);
  else if (body.length === 0) stream.sendData(new Uint8Array(0), true);
}

describe('HTTP/1 client to server', () => {
  it('carries any message byte for byte, however it is cut', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        chunks,
        chunks,
        fc.array(field, { maxLength: 5 }),
        fc.boolean(),
        fc.boolean(),
        sizes,
        (up, down, fields, sized, withTrailers, cut) => {
          const length = (body: Uint8Array[]) => body.reduce((sum, chunk) => sum + chunk.length, 0);
          const trailers = !sized && withTrailers ? [new Field('x-sum', '1')] : undefined;
          const received = new Collector();
          const heads: RequestHead[] = [];
          const { client, move } = pair((stream, head, end) => {
            heads.push(head);
            received.source = stream;
            received.ended = end;
            received.onEnded = () => {
              stream.sendResponse(
                response({ contentLength: sized ? length(down) : -1, fields }),
                sized && down.length === 0,
              );
              if (!sized || down.length > 0) send(stream, down, trailers);
            };
            if (end) received.onEnded();
            return received;
          });
          const got = new ResponseCollector();
          const stream = client.request(request({ contentLength: sized ? length(up) : -1, fields }), false, got)!;
          got.source = stream;
          send(stream, up, trailers);
          move(cut);
          expect(received.body).toEqual(Buffer.concat(up));
          expect(heads[0].fields.map(({ name, value }) => [name, value])).toEqual(
            fields.map(({ name, value }) => [name, value]),
          );
          expect(got.body).toEqual(Buffer.concat(down));
          expect(got.ended).toBe(true);
          expect(got.trailers.map(({ name, value }) => [name, value])).toEqual(trailers ? [['x-sum', '1']] : []);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('reuses the connection after HEAD, 204, 304, 1xx and an empty body', () => {
    const { client, move, availableAgain } = pair((stream, head) => {
      stream.sendInformational(response({ status: 103 }));
      const status = Number(head.path.slice(1));
      stream.sendResponse(response({ status, contentLength: head.method === 'HEAD' ? 10 : -1 }), true);
      return new Collector();
    });
    const cases: [string, string][] = [
      ['HEAD', '/200'],
      ['GET', '/204'],
      ['GET', '/304'],
      ['GET', '/200'],
    ];
    for (const [method, path] of cases) {
      const got = new ResponseCollector();
      expect(client.request(request({ method, path }), true, got)).toBeDefined();
      move([3]);
      expect([got.head?.status, got.ended, got.informational]).toEqual([Number(path.slice(1)), true, [103]]);
    }
    expect(availableAgain()).toBe(cases.length);
  });

  it('carries an upgraded connection both ways, each direction ending by itself', () => {
    const received = new Collector();
    let serverStream: ServerStream | undefined;
    const { client, server, move, toServer, toClient } = pair((stream, head) => {
      serverStream = stream;
      stream.sendResponse(response({ status: 101, upgrade: head.upgrade }), false);
      return received;
    });
    const got = new ResponseCollector();
    const stream = client.request(request({ method: 'GET', upgrade: 'websocket' }), false, got)!;
    move();
    expect([got.head?.status, got.head?.upgrade]).toEqual([101, 'websocket']);
    stream.sendData(Buffer.from('ping'), false);
    serverStream!.sendData(Buffer.from('pong'), false);
    move([1]);
    expect([received.body.toString(), got.body.toString()]).toEqual(['ping', 'pong']);
    stream.sendData(new Uint8Array(0), true);
    move();
    expect([toServer.ended, toClient.ended]).toEqual([true, false]);
    server.onEnd();
    expect(received.ended).toBe(true);
    serverStream!.sendData(Buffer.from('bye'), true);
    move();
    expect([got.body.toString(), toClient.ended]).toEqual(['pongbye', true]);
  });

  it('closes instead of reusing after an unasked response, a cut body and HTTP/1.0', () => {
    const answers: [string, boolean][] = [
      ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n', true],
      ['HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', true],
      ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', true],
    ];
    for (const [answer, closed] of answers) {
      const { client, turn, toServer } = pair(() => new Collector());
      const got = new ResponseCollector();
      client.request(request({ method: 'GET' }), true, got);
      turn.end();
      client.onBytes(Buffer.from(answer));
      expect([got.body.toString(), got.ended, toServer.closed]).toEqual(['ok', true, closed]);
    }
    const { client, turn } = pair(() => new Collector());
    const got = new ResponseCollector();
    client.request(request({ method: 'GET' }), true, got);
    turn.end();
    client.onBytes(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'));
    client.onEnd();
    expect(got.reset).toBe('connection closed inside the response');
  });

  it('stops reading a request whose bytes nobody takes, and goes on with credit', () => {
    const taken = { bytes: 0 };
    let stream: ServerStream | undefined;
    const { client, server, toClient, toServer, turn } = pair((accepted) => {
      stream = accepted;
      return {
        onData: (chunk) => {
          taken.bytes += chunk.length;
        },
        onTrailers: () => {},
        onSent: () => {},
        onReset: () => {},
      };
    });
    const up = client.request(request(), false, new ResponseCollector())!;
    up.sendData(new Uint8Array(100_000), false);
    turn.end();
    server.onBytes(toServer.take());
    expect([taken.bytes, toClient.paused]).toEqual([100_000, true]);
    stream!.credit(100_000);
    expect(toClient.paused).toBe(false);
  });

  it('reports bytes as sent only once the socket has taken them', () => {
    const received = new Collector();
    const { client, turn, toServer } = pair(() => received);
    toServer.handler = client;
    const got = new ResponseCollector();
    const stream = client.request(request(), false, got)!;
    toServer.blocked = true;
    stream.sendData(new Uint8Array(1000), false);
    turn.end();
    expect(got.sent).toBe(0);
    toServer.unblock();
    expect(got.sent).toBe(1000);
  });
});
