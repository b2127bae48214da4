import { describe, expect, it } from 'vitest';
import { FieldTable } from '../field-table.ts';
import type { RequestHead } from '../stream.ts';
import { ManualTurn, MemoryTransport } from '../testing/memory-transport.ts';
import { type ResponseVector, responseVectors, smuggledResponse } from '../testing/response-vectors.ts';
import { Http1Client } from './client.ts';

const head = (method: string): RequestHead => ({
  method,
  scheme: 'http',
  authority: 'a',
  path: '/',
  contentLength: -1,
  upgrade: undefined,
  absoluteForm: false,
  fields: [],
  marks: 0,
});

interface Seen {
  ended: boolean;
  reset: string | undefined;
  body: string;
  usable: boolean;
  offered: number;
}

/** Answers one request with `input` in the pieces that `cuts` makes, then with what must not be taken for an answer. */
function feed(vector: ResponseVector, input: string, cuts: number[]): Seen {
  const seen: Seen = { ended: false, reset: undefined, body: '', usable: false, offered: 0 };
  const transport = new MemoryTransport();
  const turn = new ManualTurn();
  const client = new Http1Client({
    transport,
    turn,
    fields: new FieldTable(1),
    onAvailable: () => seen.offered++,
    onClosed: () => {},
  });
  const ended = (end: boolean): void => {
    if (end) seen.ended = true;
  };
  client.request(head(vector.method ?? 'GET'), true, {
    onInformational: () => {},
    onResponse: (_head, end) => ended(end),
    onData: (chunk, end) => {
      seen.body += Buffer.from(chunk).toString('latin1');
      ended(end);
    },
    onTrailers: () => ended(true),
    onSent: () => {},
    onReset: (_code, reason) => {
      seen.reset = reason;
    },
  });
  turn.end();
  const bytes = Buffer.from(input, 'latin1');
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    if (to > from) client.onBytes(Buffer.from(bytes.subarray(from, to)));
    turn.end();
    from = to;
  }
  seen.usable = client.available && !transport.closed;
  return seen;
}

describe('HTTP/1 response framing, whole and cut at every byte', () => {
  for (const vector of responseVectors) {
    it(`${vector.taken ? 'never uses the connection again behind' : 'refuses'} ${vector.name}`, () => {
      const input = vector.bytes + smuggledResponse;
      const all = Array.from({ length: input.length - 1 }, (_, i) => i + 1);
      for (const cuts of [[], ...all.map((at) => [at]), all]) {
        const seen = feed(vector, input, cuts);
        expect(seen.usable).toBe(false);
        expect(seen.ended).toBe(vector.taken === true);
        expect(seen.reset !== undefined).toBe(vector.taken !== true);
        expect(seen.body).not.toContain('smuggled');
        // Bytes that come together with the end of the response are seen before the connection is offered.
        if (cuts.length === 0) expect(seen.offered).toBe(0);
      }
    });
  }

  it('uses a connection again behind a response that is whole', () => {
    for (const bytes of [
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab',
      'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
      'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    ]) {
      expect(feed({ name: '', bytes }, bytes, [])).toMatchObject({ ended: true, usable: true, offered: 1 });
    }
  });
});
