import { once } from 'node:events';
import * as http2 from 'node:http2';
import { describe, expect, it, vi } from 'vitest';
import { Field, fieldValue } from '../field.ts';
import type { RequestHead, StreamHandler } from '../stream.ts';
import { echo, nodeClient, readAll, response } from '../testing/http2-peers.ts';
import type { Http2Server } from './server.ts';

describe("HTTP/2 server side against Node's client", () => {
  it('answers with fields, body and trailers', async () => {
    let seen: RequestHead | undefined;
    const session = await nodeClient((stream, head) => {
      seen = head;
      stream.sendResponse(response({ fields: [new Field('content-type', 'application/grpc')] }), false);
      stream.sendData(Buffer.from('hello'), false);
      stream.sendTrailers([new Field('grpc-status', '0')]);
      return { onData: () => {}, onTrailers: () => {}, onSent: () => {}, onReset: () => {} };
    });
    const stream = session.request({ ':path': '/a?b', 'x-test': 'ä', cookie: 'secret' });
    const trailers = once(stream, 'trailers');
    const [headers] = await once(stream, 'response');
    expect((await readAll(stream)).toString()).toBe('hello');
    expect([headers[':status'], headers['content-type'], (await trailers)[0]['grpc-status']]).toEqual([
      200,
      'application/grpc',
      '0',
    ]);
    expect([seen?.method, seen?.path, fieldValue(seen!.fields, 'x-test')]).toEqual(['GET', '/a?b', 'ä']);
    expect(seen!.fields.find((field) => field.name === 'cookie')?.sensitive).toBe(true);
  });

  it('echoes 5 MB, each side at the pace of the other', async () => {
    const session = await nodeClient(echo);
    const stream = session.request({ ':method': 'POST' });
    const body = Buffer.alloc(5_000_000, 'abcdefghij');
    stream.end(body);
    expect((await readAll(stream)).equals(body)).toBe(true);
  });

  it('serves a thousand streams at once', async () => {
    const session = await nodeClient(echo);
    await once(session, 'remoteSettings');
    const bodies = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => {
        const stream = session.request({ ':method': 'POST', ':path': `/${i}` });
        stream.end(`body ${i}`);
        return readAll(stream);
      }),
    );
    expect(bodies.map(String)).toEqual(Array.from({ length: 1000 }, (_, i) => `body ${i}`));
  });

  it('tells of a cancelled stream, and lives on', async () => {
    const resets: number[] = [];
    const session = await nodeClient((stream, head, end) =>
      head.path === '/hang'
        ? {
            onData: () => {},
            onTrailers: () => {},
            onSent: () => {},
            onReset: (code: number) => {
              resets.push(code);
            },
          }
        : echo(stream, head, end),
    );
    const hanging = session.request({ ':path': '/hang' });
    hanging.on('error', () => {});
    const next = session.request({ ':method': 'POST' });
    next.end('x');
    hanging.close(http2.constants.NGHTTP2_CANCEL);
    expect((await readAll(next)).toString()).toBe('x');
    expect(resets).toEqual([8]);
  });

  it('finishes what is under way when it drains, and takes nothing new', async () => {
    let finish: () => void = () => {};
    let server: Http2Server | undefined;
    let requests = 0;
    const session = await nodeClient(
      (stream): StreamHandler => {
        requests++;
        finish = () => stream.sendResponse(response({ contentLength: 0 }), true);
        return { onData: () => {}, onTrailers: () => {}, onSent: () => {}, onReset: () => {} };
      },
      [],
      (accepted) => {
        server = accepted;
      },
    );
    const stream = session.request({ ':path': '/' });
    await vi.waitFor(() => expect(requests).toBe(1));
    const goAway = once(session, 'goaway');
    server?.drain();
    await goAway;
    finish();
    const [headers] = await once(stream, 'response');
    expect(headers[':status']).toBe(200);
    stream.resume();
    await once(session, 'close');
  });

  it('does not let four stalled streams block a fifth', async () => {
    const session = await nodeClient((stream, head, end) =>
      head.path === '/stall'
        ? { onData: () => {}, onTrailers: () => {}, onSent: () => {}, onReset: () => {} }
        : echo(stream, head, end),
    );
    for (let i = 0; i < 20; i++) {
      const stalled = session.request({ ':method': 'POST', ':path': '/stall' });
      stalled.on('error', () => {});
      stalled.write(Buffer.alloc(100_000));
    }
    const stream = session.request({ ':method': 'POST' });
    const body = Buffer.alloc(1_000_000, 'x');
    stream.end(body);
    expect((await readAll(stream)).equals(body)).toBe(true);
  });
});
