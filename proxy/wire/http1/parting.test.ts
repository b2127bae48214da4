import { describe, expect, it } from 'vitest';
import { responseHead } from '../heads.ts';
import { ServedConnection } from '../testing/http1-server.ts';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

describe('a client that ends its direction right behind its request', () => {
  it('is answered, told that nothing follows, and closed', () => {
    const client = new ServedConnection();
    client.send(get('/'));
    client.end();
    client.pass(20_000);
    expect(client.requests[0].resets).toEqual([]);
    client.answer(0, 200, 3);
    expect(client.read()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close\r\n\r\naaa$/);
    expect(client.transport.ended).toBe(true);
  });

  it('is answered each of the requests that it pipelined, and none is promised to be the last before it is', () => {
    const client = new ServedConnection();
    client.send(get('/1') + get('/2') + get('/3'));
    client.end();
    client.answer(0);
    client.pass(5000);
    client.answer(1);
    expect(client.read()).not.toContain('connection: close');
    client.answer(2);
    expect(client.requests.map(({ head }) => head.path)).toEqual(['/1', '/2', '/3']);
    expect([client.statuses, client.transport.ended]).toEqual([[200, 200, 200], true]);
    expect(client.read()).toMatch(/connection: close\r\n\r\n$/);
  });

  it('is answered what it pipelined with half a request behind it', () => {
    const client = new ServedConnection();
    client.send(`${get('/1')}${get('/2')}GET /3 HT`);
    client.end();
    client.answer(0);
    client.answer(1);
    expect([client.statuses, client.requests.length, client.transport.closed]).toEqual([[200, 200], 2, true]);
  });

  it('keeps the answer that was written in the same turn', () => {
    const client = new ServedConnection();
    client.server.onBytes(Buffer.from('nonsense\r\n\r\n'));
    client.server.onEnd();
    expect([client.statuses, client.transport.closed]).toEqual([[400], true]);
  });

  it('waits a minute while nothing of an answer comes, and is gone then', () => {
    const client = new ServedConnection();
    client.send(get('/'));
    client.end();
    client.pass(59_000);
    client.requests[0].stream.sendResponse(responseHead(200, -1), false);
    client.pass(59_000);
    expect(client.requests[0].resets).toEqual([]);
    client.pass(3000);
    expect([client.requests[0].resets, client.transport.closed]).toEqual([['client closed the connection'], true]);
  });
});

it('a client that half-closed and takes its answer slowly has not gone', () => {
  const client = new ServedConnection();
  client.send(get('/'));
  client.end();
  client.requests[0].stream.sendResponse(responseHead(200, -1), false);
  client.transport.blocked = true;
  client.pass(200_000);
  expect(client.requests[0].resets).toEqual([]);
});

describe('a client that ends its direction later', () => {
  it.each([
    ['while its answer is awaited', false],
    ['while its answer is under way, seldom as that may write', true],
  ])('%s has gone: its request is cancelled', (_when, begun) => {
    const client = new ServedConnection();
    client.send(get('/poll'));
    if (begun) client.requests[0].stream.sendResponse(responseHead(200, -1), false);
    client.pass(900);
    client.end();
    expect(client.requests[0].resets).toEqual(['client closed the connection']);
    expect(client.transport.closed).toBe(true);
    // Whatever the stack does with it now, nothing more is told or written.
    client.answer(0);
    client.requests[0].stream.reset(0, '');
    client.server.onClose(undefined);
    expect([client.requests[0].resets.length, client.transport.aborted]).toEqual([1, false]);
  });

  it('with requests behind the one that is awaited has gone, and they are not begun', () => {
    const client = new ServedConnection();
    client.send(get('/1') + get('/2'));
    client.pass(900);
    client.end();
    expect([client.requests.length, client.requests[0].resets.length]).toEqual([1, 1]);
  });

  it('having all of a body whose end is not told yet has not broken off', () => {
    const client = new ServedConnection();
    client.send(get('/'));
    client.requests[0].stream.sendResponse(responseHead(200, 2), false);
    client.requests[0].stream.sendData(Buffer.from('ab'), false);
    client.pass(900);
    client.end();
    expect(client.requests[0].resets).toEqual([]);
    client.requests[0].stream.sendData(new Uint8Array(0), true);
    client.flush();
    expect(client.transport.closed).toBe(true);
  });

  it('in a tunnel ends that direction alone', () => {
    const client = new ServedConnection();
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
    client.requests[0].stream.sendResponse({ ...responseHead(101, -1), upgrade: 'x' }, false);
    client.pass(900);
    client.end();
    expect([client.requests[0].ended, client.requests[0].resets]).toEqual([true, []]);
  });

  it('between requests is closed', () => {
    const client = new ServedConnection();
    client.send(get('/'));
    client.answer(0);
    client.end();
    expect(client.transport.closed).toBe(true);
  });
});

it('a tunnel that is accepted behind the FIN of its client is told of it', () => {
  const client = new ServedConnection();
  client.send('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nfirst words');
  client.end();
  const [request] = client.requests;
  request.stream.sendResponse(responseHead(200, -1), false);
  expect([request.body, request.ended]).toEqual(['first words', true]);
});

it('a connection that is lost resets the request, once', () => {
  const client = new ServedConnection();
  client.send(get('/'));
  client.server.onClose(new Error('ECONNRESET'));
  client.server.onClose(undefined);
  expect(client.requests[0].resets).toEqual(['client closed the connection']);
});
