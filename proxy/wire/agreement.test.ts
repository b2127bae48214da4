import { expect, it } from 'vitest';
import { FieldTable } from './field-table.ts';
import { responseHead } from './heads.ts';
import { Http1Client } from './http1/client.ts';
import { Http1Server } from './http1/server.ts';
import { Http2Client } from './http2/client.ts';
import { Http2Server } from './http2/server.ts';
import type { RequestHead, ResponseHead, Stream } from './stream.ts';
import { ManualTurn, MemoryTransport } from './testing/memory-transport.ts';
import { generator, mutate } from './testing/mutate.ts';
import { accepted } from './testing/request-vectors.ts';

/** What one sidecar takes in HTTP/1 it writes in HTTP/2, and the next may not refuse it. */

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const ignore = { onInformational() {}, onData() {}, onTrailers() {}, onSent() {} };

/** An HTTP/2 connection between two sidecars; `deliver` carries what each has written to the other. */
class Hop {
  private readonly near = new MemoryTransport();
  private readonly far = new MemoryTransport();
  private readonly turn = new ManualTurn();
  readonly client: Http2Client;
  private readonly server: Http2Server;
  /** What came out at the far end. */
  readonly requests: RequestHead[] = [];
  readonly trailers: string[][] = [];
  readonly broken: string[] = [];
  answer: ResponseHead = responseHead(200, 0);

  constructor() {
    const { turn } = this;
    const onProtocolError = (reason: string): void => void this.broken.push(reason);
    const common = { turn, fields: new FieldTable(1), onProtocolError };
    this.client = new Http2Client({ ...common, transport: this.near, onAvailable() {}, onClosed() {} });
    this.server = new Http2Server({
      ...common,
      transport: this.far,
      onRequest: (stream, head) => {
        this.requests.push(head);
        if (this.answer.status >= 200) stream.sendResponse(this.answer, true);
        return {
          onData() {},
          onTrailers: (fields) => void this.trailers.push(fields.map(({ name }) => name)),
          onSent() {},
          onReset() {},
        };
      },
    });
    this.deliver();
  }

  deliver(): void {
    for (let moved = true; moved; ) {
      this.turn.end();
      const out = this.near.take();
      const back = this.far.take();
      moved = out.length + back.length > 0;
      if (out.length > 0) this.server.onBytes(new Uint8Array(out));
      if (back.length > 0) this.client.onBytes(new Uint8Array(back));
    }
  }
}

/** Reads `bytes` as HTTP/1 and sends on the first request of them. Returns its head, and the code of a reset. */
function carryRequest(hop: Hop, bytes: Uint8Array): { head: RequestHead | undefined; reset: number | undefined } {
  let seen: RequestHead | undefined;
  let reset: number | undefined;
  const turn = new ManualTurn();
  const server = new Http1Server({
    transport: new MemoryTransport(),
    turn,
    fields: new FieldTable(2),
    onRequest: (_stream, head, end) => {
      let next: Stream | undefined;
      if (seen === undefined && head.upgrade === undefined) {
        seen = head;
        const onReset = (code: number): void => {
          reset = code;
        };
        next = hop.client.request(head, end, { ...ignore, onResponse() {}, onReset });
      }
      return {
        onData: (chunk, last) => next?.sendData(chunk, last),
        onTrailers: (fields) => next?.sendTrailers(fields),
        onSent() {},
        onReset: () => next?.reset(8, 'gone'),
      };
    },
  });
  server.onBytes(bytes);
  turn.end();
  server.onClose(undefined);
  hop.deliver();
  return { head: seen, reset };
}

const get: RequestHead = {
  ...{ method: 'GET', scheme: 'http', authority: 'a', path: '/', contentLength: -1 },
  ...{ upgrade: undefined, absoluteForm: false, fields: [], marks: 0 },
};

const more = [
  'GET / HTTP/1.1\r\nHost: a\r\nTE: Trailers\r\nConnection: TE\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\nConnection: x, close\r\nX: 1\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTE: trailers\r\nKeep-Alive: 1\r\n\r\n',
  'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
];

it('every request that HTTP/1 takes goes on in HTTP/2', () => {
  const corpus = [...accepted.map(([, input]) => input), ...more].map(bytesOf);
  for (const bytes of corpus) {
    const hop = new Hop();
    const { head, reset } = carryRequest(hop, bytes);
    expect(head).toBeDefined();
    expect([reset, hop.broken]).toEqual([undefined, []]);
    const { method, authority, path } = head!;
    expect(hop.requests.map((got) => [got.method, got.authority, got.path])).toEqual([[method, authority, path]]);
    expect(hop.trailers.flat()).not.toContain('te');
  }
  const random = generator(1);
  for (let i = 0; i < 3000; i++) {
    const bytes = mutate(corpus, random);
    const hop = new Hop();
    const { head, reset } = carryRequest(hop, bytes);
    if (head === undefined) continue;
    expect([Buffer.from(bytes).toString('latin1'), reset, hop.broken]).toEqual([
      Buffer.from(bytes).toString('latin1'),
      undefined,
      [],
    ]);
    expect(hop.requests.length).toBe(1);
  }
});

const responses = [
  'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nServer: a\r\n\r\nabc',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n3\r\nabc\r\n0\r\nX: 1\r\n\r\n',
  'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n\r\nabc',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 30\r\nETag: "a"\r\n\r\n',
  'HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 599 Odd\r\nX: \xe4\r\nTE: gzip\r\nContent-Length: 0\r\n\r\n',
];

/** The head of the final response that `bytes` begin with, as HTTP/1 reads it. */
function responseOf(bytes: Uint8Array): ResponseHead | undefined {
  let taken: ResponseHead | undefined;
  const turn = new ManualTurn();
  const transport = new MemoryTransport();
  const client = new Http1Client({ transport, turn, fields: new FieldTable(2), onAvailable() {}, onClosed() {} });
  const onResponse = (head: ResponseHead): void => {
    taken ??= head;
  };
  client.request(get, true, { ...ignore, onResponse, onReset() {} });
  client.onBytes(bytes);
  return taken;
}

it('every response that HTTP/1 takes goes on in HTTP/2', () => {
  const corpus = responses.map(bytesOf);
  const random = generator(2);
  const mutated = Array.from({ length: 3000 }, () => mutate(corpus, random));
  for (const [index, bytes] of [...corpus, ...mutated].entries()) {
    const head = responseOf(bytes);
    if (index < corpus.length) expect(head).toBeDefined();
    if (head === undefined || head.upgrade !== undefined) continue;
    const hop = new Hop();
    // Its body is not what this is about.
    hop.answer = head.contentLength > 0 ? { ...head, contentLength: 0 } : head;
    let status: number | undefined;
    let reset: number | undefined;
    hop.client.request(get, true, {
      ...ignore,
      onResponse: (got) => {
        status = got.status;
      },
      onReset: (code) => {
        reset = code;
      },
    });
    hop.deliver();
    const text = Buffer.from(bytes).toString('latin1');
    expect([text, reset, status]).toEqual([text, undefined, head.status]);
  }
});
