import { describe, expect, it } from 'vitest';
import { Field } from '../field.ts';
import { FieldTable } from '../field-table.ts';
import { closedInResponse, closedUnanswered, type RequestHead, type ResponseHead, type Stream } from '../stream.ts';
import { ManualTurn, MemoryTransport } from '../testing/memory-transport.ts';
import { Http1Client } from './client.ts';

const head: RequestHead = {
  ...{ method: 'GET', scheme: 'http', authority: 'a', path: '/', contentLength: -1 },
  ...{ upgrade: undefined, absoluteForm: false, fields: [], marks: 0 },
};

/** One connection and what its requests are told. */
class Asked {
  readonly transport = new MemoryTransport();
  readonly told: string[] = [];
  readonly heads: ResponseHead[] = [];
  offered = 0;
  closed = 0;
  private readonly turn = new ManualTurn();
  readonly client = new Http1Client({
    transport: this.transport,
    turn: this.turn,
    fields: new FieldTable(1),
    onAvailable: () => this.offered++,
    onClosed: () => this.closed++,
  });

  ask(changes: Partial<RequestHead> = {}, end = true): Stream {
    const stream = this.client.request({ ...head, ...changes }, end, {
      onInformational: ({ status }) => this.told.push(`${status}`),
      onResponse: (response, last) => {
        this.heads.push(response);
        this.told.push(`${response.status}${last ? ' end' : ''}`);
        if (last) this.onOver();
      },
      onData: (chunk, last) => {
        this.told.push(`${Buffer.from(chunk)}${last ? ' end' : ''}`);
        if (last) this.onOver();
      },
      onTrailers: (fields) => this.told.push(`trailers ${fields.map(({ name, value }) => `${name}=${value}`)}`),
      onSent: () => {},
      onReset: (_code, reason) => this.told.push(reason),
    })!;
    this.turn.end();
    return stream;
  }

  onOver: () => void = () => {};

  answer(bytes: string): void {
    this.client.onBytes(Buffer.from(bytes, 'latin1'));
    this.turn.end();
  }
}

describe('a connection that ends', () => {
  it.each([
    ['unanswered', '', closedUnanswered],
    ['behind a 100', 'HTTP/1.1 100 Continue\r\n\r\n', closedInResponse],
    ['inside a head', 'HTTP/1.1 200 O', closedInResponse],
    ['inside a body', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab', closedInResponse],
    ['inside a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab', closedInResponse],
  ])('%s says so, by FIN as by reset', (_name, bytes, reason) => {
    for (const end of ['onEnd', 'onClose'] as const) {
      const asked = new Asked();
      asked.ask();
      if (bytes !== '') asked.answer(bytes);
      asked.client[end](undefined as never);
      asked.client.onClose(undefined);
      expect(asked.told.at(-1)).toBe(reason);
      expect(asked.told.filter((told) => told.startsWith('connection'))).toHaveLength(1);
      expect([asked.closed, asked.client.activeStreams]).toEqual([1, 0]);
    }
  });

  it('while it is idle takes no other request', () => {
    const asked = new Asked();
    asked.ask();
    asked.answer('HTTP/1.1 204 No Content\r\n\r\n');
    asked.client.onEnd();
    expect([asked.client.available, asked.transport.closed]).toEqual([false, true]);
  });
});

it('a malformed response is told as one', () => {
  const asked = new Asked();
  asked.ask();
  asked.answer('HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n');
  asked.client.onClose(undefined);
  expect(asked.told).toEqual(['malformed response: control character in a field value']);
});

describe('a response that ends before its request', () => {
  const upload = { method: 'POST', contentLength: 1_000_000 };
  const answer = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig';

  it('closes the connection, without a reset, whatever is done with the stream from then on', () => {
    const asked = new Asked();
    const stream = asked.ask(upload, false);
    stream.sendData(Buffer.from('part'), false);
    asked.onOver = () => {
      stream.sendData(Buffer.from('more'), false);
      stream.reset(0, 'answered');
    };
    asked.transport.take();
    asked.answer(answer);
    stream.sendData(Buffer.from('more'), true);
    stream.reset(0, 'answered');
    expect(asked.told).toEqual(['413', 'big end']);
    expect([asked.transport.closed, asked.transport.aborted, asked.client.activeStreams]).toEqual([true, false, 0]);
    asked.client.onClose(undefined);
    expect([asked.closed, asked.offered, asked.told.length]).toEqual([1, 0, 2]);
    expect(asked.transport.take().toString()).not.toContain('more');
  });

  it('does not wait for a server that takes nothing of the request', () => {
    const asked = new Asked();
    const stream = asked.ask(upload, false);
    asked.transport.blocked = true;
    stream.sendData(new Uint8Array(100_000), false);
    asked.answer(answer);
    expect(asked.transport.aborted).toBe(true);
  });
});

describe('what ends behind its head whatever it says', () => {
  it.each(['Transfer-Encoding: chunked', 'Content-Length: 5'])('a 2xx to CONNECT with %s is a tunnel', (field) => {
    const asked = new Asked();
    asked.ask({ method: 'CONNECT', authority: 'db:5432' }, false);
    asked.answer(`HTTP/1.1 200 Connection established\r\n${field}\r\n\r\nspeaks first`);
    expect(asked.told).toEqual(['200', 'speaks first']);
    expect(asked.heads[0].contentLength).toBe(-1);
  });

  it('a 204 that names a coding, or a length, ends; its connection is not used again', () => {
    for (const method of ['HEAD', 'GET']) {
      const asked = new Asked();
      asked.ask({ method });
      asked.answer('HTTP/1.1 204 No Content\r\nX-Total: 50\r\nTransfer-Encoding: chunked\r\n\r\n');
      expect([asked.told, asked.transport.closed, asked.offered]).toEqual([['204 end'], true, 0]);
      expect(asked.heads[0].fields.map(({ name }) => name)).toEqual(['x-total']);
    }
  });

  it('a 103 with a length leaves the response behind it what it is', () => {
    const asked = new Asked();
    asked.ask();
    asked.answer('HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    expect([asked.told, asked.transport.closed]).toEqual([['103', '200', 'ok end'], true]);
  });
});

it('white space before the colon of a response’s field is taken off, in trailers too', () => {
  const asked = new Asked();
  asked.ask();
  asked.answer(
    'HTTP/1.1 200 OK\r\nContent-Type : text/plain\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\nX-Sum : 1\r\n\r\n',
  );
  expect(asked.told).toEqual(['200', 'trailers x-sum=1']);
  expect(asked.heads[0].fields.map(({ name, value }) => [name, value])).toEqual([['content-type', 'text/plain']]);
});

it('Host in a response is a field like any other, and in trailers a framing field', () => {
  const asked = new Asked();
  asked.ask();
  asked.answer('HTTP/1.1 200 OK\r\nHost: a/b\r\nHost: c\r\nContent-Length: 0\r\n\r\n');
  expect(asked.heads[0].fields.map(({ value }) => value)).toEqual(['a/b', 'c']);
  asked.ask();
  asked.answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: a\r\n\r\n');
  expect(asked.told.at(-1)).toBe('malformed response: framing field in trailers');
});

it('426 keeps what it asks for, and no other status does', () => {
  for (const [status, upgrade] of [
    [426, 'websocket'],
    [200, undefined],
  ]) {
    const asked = new Asked();
    asked.ask();
    asked.answer(`HTTP/1.1 ${status} x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n`);
    expect(asked.heads[0].upgrade).toBe(upgrade);
  }
});

it('fields of one hop are written behind those of the request', () => {
  const asked = new Asked();
  asked.client.request({ ...head, fields: [new Field('x', '1')] }, true, {} as never, [new Field('y', '2')]);
  asked.client.flush();
  expect(asked.transport.take().toString()).toBe('GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\ny: 2\r\n\r\n');
});
