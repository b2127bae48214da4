import { describe, expect, it } from 'vitest';
import { responseHead } from '../heads.ts';
import { ServedConnection } from '../testing/http1-server.ts';

const upload = (length: number, lines = ''): string =>
  `POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n${lines}\r\n`;
const chunked = 'POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
const next = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n';
const closes = (client: ServedConnection): boolean => client.read().includes('connection: close\r\n');

describe('a request that is answered before its end', () => {
  it('leaves its connection usable when little of it is left', () => {
    const client = new ServedConnection();
    client.send(upload(4));
    client.answer(0, 401, 9);
    client.send(`body${next}`);
    client.answer(1);
    expect([client.statuses, closes(client), client.transport.ended]).toEqual([[401, 200], false, false]);
    expect(client.requests[0].body).toBe('');
  });

  it.each([
    ['a large rest', upload(5_000_000)],
    ['a rest of unknown length', chunked],
  ])('with %s is told that the connection closes, by the head of the answer', (_name, head) => {
    const client = new ServedConnection();
    client.send(head);
    client.answer(0, 413, 9);
    expect([client.statuses, closes(client), client.transport.ended]).toEqual([[413], true, true]);
  });

  it('with an answer by its head alone is told so too', () => {
    const client = new ServedConnection();
    client.send(chunked);
    client.answer(0, 200);
    expect([closes(client), client.transport.ended]).toEqual([true, true]);
  });

  it('that waits to be told to go on is told that the connection closes: its body may never come', () => {
    const client = new ServedConnection();
    client.send(upload(4, 'Expect: 100-continue\r\n'));
    client.answer(0, 417);
    expect(closes(client)).toBe(true);
    const continued = new ServedConnection();
    continued.send(upload(4, 'Expect: 100-continue\r\n'));
    continued.requests[0].stream.sendInformational(responseHead(100, -1));
    continued.answer(0, 401);
    expect(closes(continued)).toBe(false);
  });

  it('goes on to its reader while the answer is under way, and keeps its connection when it ends first', () => {
    const client = new ServedConnection();
    client.send(upload(1_000_000));
    const { stream } = client.requests[0];
    stream.sendResponse(responseHead(200, -1), false);
    client.send(new Uint8Array(1_000_000).fill(0x62));
    expect([client.requests[0].body.length, client.requests[0].ended]).toEqual([1_000_000, true]);
    stream.sendData(Buffer.from('done'), true);
    client.send(next);
    expect([closes(client), client.requests.length]).toEqual([false, 2]);
  });

  it('is read to its end when its answer, no error, ends first, chunked with trailers too', () => {
    const client = new ServedConnection();
    client.send(chunked);
    const { stream } = client.requests[0];
    stream.sendResponse(responseHead(200, -1), false);
    stream.sendData(Buffer.from('done'), true);
    for (let i = 0; i < 20; i++) client.send(`10000\r\n${'x'.repeat(0x10000)}\r\n`);
    client.send(`0\r\nX-Sum: 1\r\n\r\n${next}`);
    expect([client.requests.length, client.requests[0].body, client.transport.paused]).toEqual([2, '', false]);
  });

  it('is read at any size, since a reset would lose the answer, and at no pace but the client’s', () => {
    const client = new ServedConnection();
    client.send(upload(50_000_000));
    client.answer(0, 413, 9);
    for (let i = 0; i < 50; i++) client.send(new Uint8Array(1_000_000));
    expect([client.transport.aborted, client.transport.paused]).toEqual([false, false]);
    client.end();
    expect(client.transport.closed).toBe(true);
  });

  it.each([
    ['told to close', upload(50_000_000), 413],
    ['kept', upload(100_000), 413],
  ])('%s: a rest that does not come is not waited for', (_name, head, status) => {
    const client = new ServedConnection();
    client.send(head);
    client.answer(0, status, 9);
    client.pass(9000);
    client.send('x');
    client.pass(9000);
    expect(client.transport.closed).toBe(false);
    client.pass(3000);
    expect(client.transport.closed).toBe(true);
  });

  it('and comes without end is cut off in the end', () => {
    const client = new ServedConnection();
    client.send(upload(50_000_000));
    client.answer(0, 413, 9);
    for (let i = 0; i < 29; i++) {
      client.send('x');
      client.pass(1000);
    }
    expect(client.transport.closed).toBe(false);
    for (let i = 0; i < 3; i++) {
      client.send('x');
      client.pass(1000);
    }
    expect(client.transport.closed).toBe(true);
  });

  it('and whose rest is malformed gets no second answer', () => {
    const client = new ServedConnection();
    client.send(chunked);
    const { stream } = client.requests[0];
    stream.sendResponse(responseHead(200, 2), false);
    stream.sendData(Buffer.from('ok'), true);
    client.send('zz\r\n');
    expect([client.statuses, client.transport.ended]).toEqual([[200], true]);
  });

  it('was read no further than the window: what was held back comes', () => {
    const client = new ServedConnection();
    client.send(upload(200_000));
    client.requests[0].stream.credit = () => {};
    client.send(new Uint8Array(100_000));
    expect(client.transport.paused).toBe(true);
    client.answer(0, 401);
    expect(client.transport.paused).toBe(false);
  });

  it('a shutdown waits for no rest', () => {
    const client = new ServedConnection();
    client.send(upload(100_000));
    client.answer(0, 401);
    client.server.drain();
    client.flush();
    expect(client.transport.ended).toBe(true);
  });
});

it('a stream whose response is whole is not reset, and gives no credit to the request behind it', () => {
  const client = new ServedConnection();
  client.send(upload(4));
  client.answer(0, 401);
  const { stream } = client.requests[0];
  stream.reset(0, 'not wanted');
  client.send(`body${upload(200_000)}`);
  client.requests[1].stream.credit = () => {};
  client.send(new Uint8Array(100_000));
  stream.credit(100_000);
  expect([client.transport.aborted, client.transport.paused]).toEqual([false, true]);
});

it('a tunnel of which one half has ended can still be reset', () => {
  const client = new ServedConnection();
  client.send('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');
  const { stream } = client.requests[0];
  stream.sendResponse(responseHead(200, -1), false);
  stream.sendData(new Uint8Array(0), true);
  stream.reset(8, 'the other side broke');
  expect(client.transport.aborted).toBe(true);
});

it('what was sent for a tunnel that is refused becomes no request', () => {
  const client = new ServedConnection();
  client.send(`CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n${next}`);
  client.answer(0, 403);
  client.send(next);
  expect([client.requests.length, client.statuses, closes(client), client.transport.ended]).toEqual([
    1,
    [403],
    true,
    true,
  ]);
});

it('an answer behind which the connection closes is not cut off for a client that reads it slowly', () => {
  const client = new ServedConnection();
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  client.transport.blocked = true;
  client.answer(0, 200, 100_000);
  client.pass(60_000);
  expect([client.transport.closed, client.transport.aborted]).toEqual([false, false]);
  client.transport.unblock();
  client.pass(20_000);
  expect([client.transport.closed, client.transport.aborted]).toEqual([true, false]);
});
