import { describe, expect, it } from 'vitest';
import { FieldTable } from '../field-table.ts';
import type { RequestHead, ServerStream } from '../stream.ts';
import { ManualTurn, MemoryTransport } from '../testing/memory-transport.ts';
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
    stream.sendResponse({ status: 200, contentLength: 0, upgrade: undefined, fields: [] }, true);
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

const get = (lines: string) => `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
const post = (lines: string, body: string) => `POST / HTTP/1.1\r\nHost: a\r\n${lines}\r\n${body}`;

const accepted: [name: string, input: string, bodies: string[]][] = [
  ['a plain GET', get(''), ['']],
  ['a sized body', post('Content-Length: 5\r\n', 'hello'), ['hello']],
  ['an empty sized body', post('Content-Length: 0\r\n', ''), ['']],
  ['a chunked body', post('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n'), ['hello!']],
  [
    'upper-case chunk sizes and codings',
    post('Transfer-Encoding: CHUNKED\r\n', 'A\r\n0123456789\r\n0\r\n\r\n'),
    ['0123456789'],
  ],
  ['a chunk extension', post('Transfer-Encoding: chunked\r\n', '3;a=b\r\nabc\r\n0;x\r\n\r\n'), ['abc']],
  ['trailers', post('Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n'), ['abc']],
  ['pipelined requests', get('') + post('Content-Length: 2\r\n', 'hi') + get(''), ['', 'hi', '']],
  ['white space around a value', get('X:\t a b \t\r\n'), ['']],
  ['obs-text in a value', get('X: \xe4\xff\r\n'), ['']],
  ['an empty value', get('X:\r\n'), ['']],
  ['absolute-form', 'GET http://b:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n', ['']],
  ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n', ['']],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', ['']],
  ['a method that is a token', 'PURGE / HTTP/1.1\r\nHost: a\r\n\r\n', ['']],
];

/** Each is followed by a smuggled request that must never be seen. */
const refused: [name: string, input: string, status: number][] = [
  [
    'Content-Length and Transfer-Encoding',
    post('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    400,
  ],
  [
    'Transfer-Encoding and Content-Length',
    post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', '0\r\n\r\n'),
    400,
  ],
  ['two Content-Lengths that differ', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello'), 400],
  ['two Content-Lengths that agree', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello'), 400],
  ['a list of Content-Lengths', post('Content-Length: 5, 5\r\n', 'hello'), 400],
  ['a signed Content-Length', post('Content-Length: +5\r\n', 'hello'), 400],
  ['a negative Content-Length', post('Content-Length: -1\r\n', ''), 400],
  ['a hexadecimal Content-Length', post('Content-Length: 0x5\r\n', 'hello'), 400],
  ['an empty Content-Length', post('Content-Length:\r\n', ''), 400],
  ['a fractional Content-Length', post('Content-Length: 5.0\r\n', 'hello'), 400],
  ['an enormous Content-Length', post('Content-Length: 9999999999999999999\r\n', ''), 400],
  ['Content-Length with white space inside', post('Content-Length: 1 0\r\n', 'hello'), 400],
  ['a coding before chunked', post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'), 400],
  ['a coding behind chunked', post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'), 400],
  ['an unknown coding', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'), 501],
  ['identity', post('Transfer-Encoding: identity\r\n', ''), 501],
  ['chunked in quotes', post('Transfer-Encoding: "chunked"\r\n', '0\r\n\r\n'), 400],
  ['chunked with a vertical tab', post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'), 400],
  ['chunked twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400],
  [
    'a second Transfer-Encoding that is unknown',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n', '0\r\n\r\n'),
    400,
  ],
  ['Transfer-Encoding in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
  ['a space before the colon', post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'), 400],
  ['a tab before the colon', get('X\t: a\r\n'), 400],
  ['a folded header', get('X: a\r\n b\r\n'), 400],
  ['a first header that is folded', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 400],
  ['an empty field name', get(': a\r\n'), 400],
  ['a field without a colon', get('X\r\n'), 400],
  ['a control character in a name', get('X\x01: a\r\n'), 400],
  ['NUL in a value', get('X: a\x00b\r\n'), 400],
  ['a bare CR in a value', get('X: a\rb\r\n'), 400],
  ['a bare LF behind a field', 'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n', 400],
  ['a bare LF behind the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 400],
  ['a bare LF as the empty line', 'GET / HTTP/1.1\r\nHost: a\r\n\n', 400],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', get('Host: b\r\n'), 400],
  ['two Hosts that agree', get('Host: a\r\n'), 400],
  ['a Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
  ['a Host with user information', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n', 400],
  ['a Host list', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
  ['two spaces in the request line', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a tab in the request line', 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a space in the target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a control character in the target', 'GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['HTTP/2 as a version', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
  ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', 505],
  ['a lower-case version', 'GET / http/1.1\r\nHost: a\r\n\r\n', 400],
  ['a version with more digits', 'GET / HTTP/1.10\r\nHost: a\r\n\r\n', 400],
  ['an invalid method', 'G@T / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['an unknown scheme', 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a relative target', 'GET a HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['* for GET', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['CONNECT without a port', 'CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['CONNECT with a body', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc', 400],
];

const badChunks: [name: string, body: string][] = [
  ['no size', '\r\nabc\r\n0\r\n\r\n'],
  ['a signed size', '+3\r\nabc\r\n0\r\n\r\n'],
  ['a prefixed size', '0x3\r\nabc\r\n0\r\n\r\n'],
  ['a space behind the size', '3 \r\nabc\r\n0\r\n\r\n'],
  ['a size that overflows', 'fffffffffffffffff\r\nabc\r\n0\r\n\r\n'],
  ['a bare LF behind the size', '3\nabc\r\n0\r\n\r\n'],
  ['a bare CR behind the size', '3\rabc\r\n0\r\n\r\n'],
  ['a bare LF in an extension', '3;a\nabc\r\n0\r\n\r\n'],
  ['a chunk longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
  ['a chunk that ends in a bare LF', '3\r\nabc\n0\r\n\r\n'],
  ['a negative size', '-1\r\n\r\n'],
  ['Content-Length in trailers', '0\r\nContent-Length: 3\r\n\r\n'],
  ['Transfer-Encoding in trailers', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['a bare LF in trailers', '0\r\nX: a\n\r\n'],
];

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

  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
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
    expect(feed(get('X: a\r\n'.repeat(300)), []).response).toMatch(/^HTTP\/1\.1 431 /);
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
