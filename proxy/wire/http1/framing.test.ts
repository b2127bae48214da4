import { describe, expect, it } from 'vitest';
import { FieldTable } from '../field-table.ts';
import type { RequestHead, ServerStream } from '../stream.ts';
import { ManualTurn, MemoryTransport } from '../testing/memory-transport.ts';
import { accepted, badChunks, get, post, refused, smuggled } from '../testing/request-vectors.ts';
import { Http1Server } from './server.ts';

interface Seen {
  requests: { method: string; path: string; authority: string; body: string; ended: boolean }[];
  refused: string[];
  response: string;
  fin: boolean;
}

/** Feeds `bytes` to a server that answers every complete request with 200, in the pieces that `cuts` makes. */
function feed(input: string, cuts: number[]): Seen {
  const bytes = Buffer.from(input, 'latin1');
  const transport = new MemoryTransport();
  const turn = new ManualTurn();
  const seen: Seen = { requests: [], refused: [], response: '', fin: false };
  const respond = (stream: ServerStream) =>
    stream.sendResponse({ status: 200, contentLength: 0, upgrade: undefined, fields: [], marks: 0 }, true);
  const server = new Http1Server({
    transport,
    turn,
    fields: new FieldTable(1),
    onBadRequest: (reason) => seen.refused.push(reason),
    onRequest: (stream, head: RequestHead, end) => {
      const request = { method: head.method, path: head.path, authority: head.authority, body: '', ended: end };
      seen.requests.push(request);
      if (end) respond(stream);
      return {
        onData: (chunk, last) => {
          request.body += Buffer.from(chunk).toString('latin1');
          stream.credit(chunk.length);
          if (last) {
            request.ended = true;
            respond(stream);
          }
        },
        onTrailers: () => {
          request.ended = true;
          respond(stream);
        },
        onSent: () => {},
        onReset: () => {},
      };
    },
  });
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    if (to > from) server.onBytes(Buffer.from(bytes.subarray(from, to)));
    turn.end();
    from = to;
  }
  seen.response = transport.take().toString('latin1');
  seen.fin = transport.ended || transport.aborted;
  return seen;
}

/** Whole, and cut in two at every byte boundary, and byte by byte. */
function everyCut(input: string): number[][] {
  const all = Array.from({ length: input.length - 1 }, (_, i) => i + 1);
  return [[], ...all.map((at) => [at]), all];
}

describe('HTTP/1 request framing, whole and cut at every byte', () => {
  for (const [name, input, bodies] of accepted) {
    it(`accepts ${name}`, () => {
      for (const cuts of everyCut(input)) {
        const seen = feed(input, cuts);
        expect(seen.refused).toEqual([]);
        expect(seen.requests.map((request) => request.body)).toEqual(bodies);
        expect(seen.requests.every((request) => request.ended)).toBe(true);
        expect(seen.response.match(/HTTP\/1\.1 200/g)).toHaveLength(bodies.length);
      }
    });
  }

  for (const [name, input, status] of refused) {
    it(`refuses ${name} with ${status} and closes`, () => {
      for (const cuts of everyCut(input)) {
        const seen = feed(input + smuggled, cuts);
        expect(seen.requests).toEqual([]);
        expect(seen.refused).toHaveLength(1);
        expect(seen.response).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*connection: close`, 's'));
        expect(seen.fin).toBe(true);
      }
    });
  }

  for (const [name, body] of badChunks) {
    it(`refuses a chunked body with ${name}`, () => {
      const input = post('Transfer-Encoding: chunked\r\n', body);
      for (const cuts of everyCut(input)) {
        const seen = feed(input + smuggled, cuts);
        expect(seen.requests.map((request) => request.path)).toEqual(['/']);
        expect(seen.requests[0].ended).toBe(false);
        expect(seen.response).toMatch(/^HTTP\/1\.1 400 .*connection: close/s);
        expect(seen.fin).toBe(true);
      }
    });
  }

  it('refuses a head beyond its limits', () => {
    expect(feed(get(`X: ${'a'.repeat(70_000)}\r\n`), []).response).toMatch(/^HTTP\/1\.1 431 /);
    expect(feed(get('X: a\r\n'.repeat(3000)), []).response).toMatch(/^HTTP\/1\.1 431 /);
    expect(feed(`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, []).response).toMatch(/^HTTP\/1\.1 414 /);
    expect(feed(`GET /${'a'.repeat(100_000)}`, [50_000]).response).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('takes off what Connection names, but never what frames or routes the message', () => {
    const seen: string[][] = [];
    const transport = new MemoryTransport();
    const server = new Http1Server({
      transport,
      turn: new ManualTurn(),
      fields: new FieldTable(1),
      onRequest: (_stream, head) => {
        seen.push([head.authority, String(head.contentLength), ...head.fields.map((field) => field.name)]);
        return { onData: () => {}, onTrailers: () => {}, onSent: () => {}, onReset: () => {} };
      },
    });
    server.onBytes(
      Buffer.from(
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX-A: 1\r\nX-B: 2\r\nKeep-Alive: 5\r\nConnection: x-a, host, content-length\r\n\r\n',
      ),
    );
    expect(seen).toEqual([['a', '3', 'x-b']]);
  });
});
