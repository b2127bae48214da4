import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Field, fieldValue } from '../field.ts';
import { FieldTable } from '../field-table.ts';
import { responseHead } from '../heads.ts';
import { Http2Client } from '../http2/client.ts';
import { Http2Server } from '../http2/server.ts';
import { headListBytes, pathBytes } from '../limits.ts';
import { OutputBuffer } from '../output-buffer.ts';
import type { RequestHead } from '../stream.ts';
import { defaultHeadLimits, headEnd, isAuthority } from '../syntax.ts';
import { ServedConnection } from '../testing/http1-server.ts';
import { ManualTurn, MemoryTransport } from '../testing/memory-transport.ts';
import { generator, mutate } from '../testing/mutate.ts';
import { accepted } from '../testing/request-vectors.ts';
import { parseRequestHead } from './head-parser.ts';
import { writeRequestHead } from './head-writer.ts';

const get = (lines: string): string => `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
const unframed = { contentLength: -1, chunked: false, close: false, keepAlive: false, upgrade: undefined };

function rewritten(head: RequestHead): RequestHead {
  const out = new OutputBuffer();
  writeRequestHead(out, head, unframed, undefined);
  const bytes = out.take();
  const end = headEnd(bytes, 0, bytes.length);
  return parseRequestHead(bytes, 0, end, 'http', new FieldTable(1), defaultHeadLimits).head;
}

describe('targets', () => {
  it('of any form come out of HTTP/1 as they went in', () => {
    const authority = fc.constantFrom('a', 'a.test:81', '[::1]', '[fd00::1]:8080', '10.0.0.1:65535');
    const path = fc.oneof(
      fc.constant('*'),
      fc.constant('/'),
      fc.stringMatching(/^\/[a-z%0-9/]{0,20}(\?[a-z=&/?%0-9]{0,20})?$/),
    );
    fc.assert(
      fc.property(authority, path, fc.constantFrom('http', 'https'), fc.boolean(), (name, target, scheme, absolute) => {
        const head: RequestHead = {
          ...{ method: target === '*' ? 'OPTIONS' : 'GET', authority: name, path: target, contentLength: -1 },
          ...{ scheme: absolute ? scheme : 'http', absoluteForm: absolute, upgrade: undefined, fields: [], marks: 0 },
        };
        expect(rewritten(head)).toEqual(head);
      }),
    );
  });

  it.each([
    ['http://a', 'GET', '/'],
    ['http://a?x', 'GET', '/?x'],
    ['HTTP://a/x', 'GET', '/x'],
    ['http://a', 'OPTIONS', '*'],
  ])('%s for %2$s is path %3$s', (target, method, path) => {
    const client = new ServedConnection();
    client.send(`${method} ${target} HTTP/1.1\r\nHost: b\r\n\r\n`);
    expect(client.requests[0].head).toMatchObject({ scheme: 'http', authority: 'a', path, absoluteForm: true });
  });
});

it.each([
  ['', true],
  ['a', true],
  ['a:', false],
  ['a:80', true],
  ['a:0', true],
  ['a:65535', true],
  ['[::1]', true],
  ['[::1]:', false],
  ['[v1.a:b]:80', true],
  ['%41.test', true],
  [':', false],
  [':80', false],
  ['a:65536', false],
  ['a:000080', false],
  ['a:8 0', false],
  ['a:b', false],
  ['a:80:80', false],
  ['a:80]', false],
  ['::1', false],
  ['[]', false],
  ['[::1', false],
  ['[[::1]]', false],
  ['[::1]80', false],
  ['a]', false],
  ['u@a', false],
])('authority %j: %j', (text, valid) => {
  expect(isAuthority(text)).toBe(valid);
});

describe('TE', () => {
  it.each([
    ['TE: trailers\r\n', 'trailers'],
    ['TE: Trailers\r\n', 'trailers'],
    ['TE: gzip, Trailers\r\nTE: trailers\r\n', 'trailers'],
    ['TE: trailers;q=0.5, deflate\r\n', 'trailers'],
    ['TE: trailersx\r\n', undefined],
    ['TE: gzip;q=1\r\n', undefined],
    ['TE:\r\n', undefined],
  ])('%j goes on as %j, once', (lines, value) => {
    const client = new ServedConnection();
    client.send(get(`${lines}Connection: TE\r\n`));
    const { fields } = client.requests[0].head;
    expect(fields.filter(({ name }) => name === 'te').map((field) => field.value)).toEqual(value ? [value] : []);
  });
});

it.each([
  ['100-continue', true],
  ['100-Continue, other', true],
  ['other', false],
])('Expect: %s goes on as it is', (value) => {
  const client = new ServedConnection();
  client.send(get(`Expect: ${value}\r\n`));
  expect(fieldValue(client.requests[0].head.fields, 'expect')).toBe(value);
});

it('fields that Connection names are taken off, however many', () => {
  const client = new ServedConnection();
  const names = Array.from({ length: 800 }, (_, i) => `x${i}`);
  client.send(get(`${names.map((name) => `${name}: 1\r\n`).join('')}Connection: ${names.join(', ')}\r\nkept: 1\r\n`));
  expect(client.requests[0].head.fields.map(({ name }) => name)).toEqual(['kept']);
});

it('426 is written with what it asks for', () => {
  for (const [lines, connection] of [
    ['', 'connection: upgrade'],
    ['Connection: close\r\n', 'connection: close, upgrade'],
  ]) {
    const client = new ServedConnection();
    client.send(get(lines));
    client.requests[0].stream.sendResponse({ ...responseHead(426, 0), upgrade: 'websocket' }, true);
    client.flush();
    expect(client.read()).toMatch(new RegExp(`\\r\\n${connection}\\r\\nupgrade: websocket\\r\\n\\r\\n$`));
  }
});

describe('what is accepted in HTTP/1', () => {
  /** Fields with their number and size spread over what heads may be, near the limits too. */
  const lines = fc
    .array(fc.tuple(fc.stringMatching(/^[a-z]{1,12}$/), fc.nat(900)), { minLength: 1, maxLength: 30 })
    .chain((fields) => fc.tuple(fc.constant(fields), fc.integer({ min: 1, max: 80 })))
    .map(([fields, times]) =>
      fields
        .map(([name, length]) => `x-${name}: ${'v'.repeat(length)}\r\n`)
        .join('')
        .repeat(times),
    );
  const path = fc.oneof(
    fc.constant('/'),
    fc.integer({ min: pathBytes - 10, max: pathBytes + 3 }).map((n) => `/${'p'.repeat(n - 1)}`),
  );

  it('is accepted in HTTP/2 too, by the next proxy, with what proxies write for each other', () => {
    let accepted = 0;
    let refused = 0;
    const extra = [new Field('l5d-orig-proto', 'HTTP/1.1'), new Field('l5d-client-id', 'i'.repeat(2000))];
    fc.assert(
      fc.property(path, lines, (target, fields) => {
        const client = new ServedConnection();
        client.send(`GET ${target} HTTP/1.1\r\nHost: a.test:8080\r\n${fields}\r\n`);
        if (client.requests.length === 0) {
          refused++;
          return;
        }
        accepted++;
        expect(throughHttp2(client.requests[0].head, extra)).toBe(client.requests[0].head.path);
      }),
      { numRuns: 100 },
    );
    expect(Math.min(accepted, refused)).toBeGreaterThan(5);
  });

  it('is accepted in HTTP/2 too, however odd', () => {
    const random = generator(7);
    const corpus = accepted.map(([, bytes]) => new Uint8Array(Buffer.from(bytes, 'latin1')));
    let taken = 0;
    for (let i = 0; i < 3000; i++) {
      const client = new ServedConnection();
      client.send(mutate(corpus, random));
      for (const { head } of client.requests) {
        taken++;
        expect(throughHttp2(head, []), JSON.stringify(head)).toBe(head.path);
      }
    }
    expect(taken).toBeGreaterThan(300);
  });

  it('is accepted in HTTP/1 by the next proxy too, with what this one has added', () => {
    const own = 'x: '.padEnd(headListBytes - 5000, 'v');
    const added = 'l5d-dst-canonical: '.padEnd(4000, 'c');
    const statuses = [`${own}\r\n`, `${own}\r\n${added}\r\n`, `${own}\r\ny: ${'v'.repeat(1500)}\r\n`].map((lines) => {
      const client = new ServedConnection();
      client.send(get(lines));
      if (client.requests.length > 0) client.answer(0);
      return client.statuses;
    });
    expect(statuses).toEqual([[200], [200], [431]]);
  });

  it('has fields by the thousand, if they are small', () => {
    const client = new ServedConnection();
    client.send(get('x: y\r\n'.repeat(1500)));
    expect(client.requests).toHaveLength(1);
    expect(headListBytes).toBeGreaterThan(1500 * 34);
  });
});

/** The path of the request as an HTTP/2 server gets it. */
function throughHttp2(head: RequestHead, extra: readonly Field[]): string | undefined {
  const turn = new ManualTurn();
  const near = new MemoryTransport();
  const far = new MemoryTransport();
  let path: string | undefined;
  const handler = { onData: () => {}, onTrailers: () => {}, onSent: () => {}, onReset: () => {} };
  const server = new Http2Server({
    ...{ transport: far, turn, fields: new FieldTable(1) },
    onRequest: (_stream, received) => {
      path = received.path;
      return handler;
    },
  });
  const client = new Http2Client({
    ...{ transport: near, turn, fields: new FieldTable(2), onAvailable: () => {}, onClosed: () => {} },
  });
  const carry = (): void => {
    turn.end();
    server.onBytes(near.take());
    turn.end();
    client.onBytes(far.take());
  };
  carry();
  // An upgrade goes another way.
  client.request(
    { ...head, upgrade: undefined },
    head.contentLength === 0,
    { ...handler, onInformational: () => {}, onResponse: () => {} },
    extra,
  );
  carry();
  return path;
}
