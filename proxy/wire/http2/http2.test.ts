import { once } from 'node:events';
import * as http2 from 'node:http2';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Field, fieldValue } from '../field.ts';
import { FieldTable } from '../field-table.ts';
import type {
  RequestHead,
  RequestListener,
  ResponseHandler,
  ResponseHead,
  ServerStream,
  StreamHandler,
} from '../stream.ts';
import { NodeTransport, NodeTurn } from '../testing/node-transport.ts';
import { Http2Client } from './client.ts';
import { Http2Server } from './server.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const turn = new NodeTurn();
const fields = new FieldTable(1);

async function listen(server: Server | http2.Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Serves `onRequest` by our server side; returns a session of Node's client. */
async function nodeClient(onRequest: RequestListener, refused: string[] = []): Promise<http2.ClientHttp2Session> {
  const port = await listen(
    createServer({ allowHalfOpen: true }, (socket) => {
      const transport = new NodeTransport(socket);
      transport.handler = new Http2Server({
        transport,
        turn,
        fields,
        onRequest,
        onProtocolError: (reason) => refused.push(reason),
      });
    }),
  );
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  cleanups.push(() => session.destroy());
  return session;
}

/** A client of ours connected to Node's server. */
async function ourClient(
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
  settings: http2.Settings = {},
  onAvailable: () => void = () => {},
): Promise<Http2Client> {
  const server = http2.createServer({ settings });
  server.on('stream', onStream);
  const port = await listen(server);
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await once(socket, 'connect');
  cleanups.push(() => socket.destroy());
  const transport = new NodeTransport(socket);
  const client = new Http2Client({ transport, turn, fields, onAvailable, onClosed: () => {} });
  transport.handler = client;
  return client;
}

const response = (changes: Partial<ResponseHead> = {}): ResponseHead => ({
  status: 200,
  contentLength: -1,
  upgrade: undefined,
  fields: [],
  ...changes,
});
const request = (changes: Partial<RequestHead> = {}): RequestHead => ({
  method: 'POST',
  scheme: 'http',
  authority: 'a',
  path: '/',
  contentLength: -1,
  upgrade: undefined,
  absoluteForm: false,
  fields: [],
  ...changes,
});

/** Sends back what comes, at the pace at which it is taken. */
const echo: RequestListener = (stream, _head, end) => {
  stream.sendResponse(response(), end);
  return {
    onData: (chunk, last) => stream.sendData(chunk, last),
    onTrailers: (trailers) => stream.sendTrailers(trailers),
    onSent: (bytes) => stream.credit(bytes),
    onReset: () => {},
  };
};

/** `once` would reject with the error that comes before. */
const closing = (emitter: { once(event: 'close', listener: () => void): unknown }): Promise<void> =>
  new Promise((resolve) => {
    emitter.once('close', resolve);
  });

async function readAll(stream: http2.ClientHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Gathers a response; `done` resolves with its end or reset. */
class Gather implements ResponseHandler {
  head: ResponseHead | undefined = undefined;
  body = Buffer.alloc(0);
  trailers: Field[] = [];
  reset: number | undefined = undefined;
  sent = 0;
  readonly done: Promise<void>;
  private finish: () => void = () => {};
  onChunk: (bytes: number) => void = () => {};

  constructor() {
    this.done = new Promise((resolve) => {
      this.finish = resolve;
    });
  }
  onInformational(): void {}
  onResponse(head: ResponseHead, end: boolean): void {
    this.head = head;
    if (end) this.finish();
  }
  onData(chunk: Uint8Array, end: boolean): void {
    this.body = Buffer.concat([this.body, chunk]);
    this.onChunk(chunk.length);
    if (end) this.finish();
  }
  onTrailers(trailers: Field[]): void {
    this.trailers = trailers;
    this.finish();
  }
  onSent(bytes: number): void {
    this.sent += bytes;
  }
  onReset(code: number): void {
    this.reset = code;
    this.finish();
  }
}

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
    let server: ServerStream | undefined;
    const session = await nodeClient((stream): StreamHandler => {
      server = stream;
      finish = () => stream.sendResponse(response({ contentLength: 0 }), true);
      return { onData: () => {}, onTrailers: () => {}, onSent: () => {}, onReset: () => {} };
    });
    const stream = session.request({ ':path': '/' });
    while (server === undefined) await new Promise((resolve) => setImmediate(resolve));
    const goAway = once(session, 'goaway');
    (server as unknown as { session: Http2Server }).session.drain();
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

describe("HTTP/2 client side against Node's server", () => {
  it('gets fields, body and trailers', async () => {
    const client = await ourClient((stream, headers) => {
      stream.respond({ ':status': 200, 'x-path': headers[':path'] }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '13' }));
      stream.end('hello');
    });
    for (let i = 0; i < 3; i++) {
      const got = new Gather();
      client.request(request({ method: 'GET', path: '/p' }), true, got);
      await got.done;
      expect([
        got.head?.status,
        got.body.toString(),
        fieldValue(got.head!.fields, 'x-path'),
        fieldValue(got.trailers, 'grpc-status'),
      ]).toEqual([200, 'hello', '/p', '13']);
    }
  });

  it('sends and takes 5 MB within the windows, telling what has left', async () => {
    const client = await ourClient((stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const got = new Gather();
    const stream = client.request(request(), false, got)!;
    got.onChunk = (bytes) => stream.credit(bytes);
    const body = Buffer.alloc(5_000_000, 'abcdefghij');
    stream.sendData(body, true);
    await got.done;
    expect(got.body.equals(body)).toBe(true);
    expect(got.sent).toBe(body.length);
  });

  it('is available again when the peer allows more streams than are open', async () => {
    let available = 0;
    const client = await ourClient(
      () => {},
      { maxConcurrentStreams: 300 },
      () => available++,
    );
    // The peer's settings are not here yet: until then 100 streams are taken for allowed.
    while (client.available) client.request(request(), true, new Gather());
    expect([client.activeStreams, available]).toEqual([100, 0]);
    await vi.waitFor(() => expect(available).toBe(1));
    expect(client.available).toBe(true);
  });

  it('lets what is under way finish when it drains', async () => {
    let finish = () => {};
    const client = await ourClient((stream) => {
      stream.respond({ ':status': 200 });
      finish = () => stream.end('late');
    });
    const got = new Gather();
    client.request(request({ method: 'GET' }), true, got);
    await vi.waitFor(() => expect(got.head?.status).toBe(200));
    client.drain();
    expect(client.available).toBe(false);
    // Were the GOAWAY not to the server's taste, it would have ended the stream by now.
    await new Promise((resolve) => setTimeout(resolve, 50));
    finish();
    await got.done;
    expect([got.body.toString(), got.reset]).toEqual(['late', undefined]);
  });

  it('is told of resets with their code, and of a lost connection', async () => {
    const client = await ourClient((stream, headers) => {
      stream.on('error', () => {});
      if (headers[':path'] === '/lost') stream.session?.destroy();
      else stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
    const refused = new Gather();
    client.request(request({ method: 'GET' }), true, refused);
    await refused.done;
    expect(refused.reset).toBe(11);
    const lost = new Gather();
    client.request(request({ method: 'GET', path: '/lost' }), true, lost);
    await lost.done;
    expect(lost.reset).toBeDefined();
    expect(client.available).toBe(false);
  });
});

describe('HTTP/2 frames that break the rules', () => {
  const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
  const settings = '000000 04 00 00000000';
  const get = '000005 01 05 00000001 8286 84 4100';
  const connectionErrors: [name: string, frames: string, code: number][] = [
    ['HEADERS before SETTINGS', get, 1],
    ['a frame above the size limit', `${settings} 004001 00 00 00000001`, 6],
    ['DATA on stream 0', `${settings} 000000 00 00 00000000`, 1],
    ['DATA on an idle stream', `${settings} 000000 00 00 00000001`, 1],
    ['HEADERS on an even stream', `${settings} 000003 01 05 00000002 828684`, 1],
    ['a stream id that goes back', `${settings} 000003 01 05 00000003 828684 000003 01 05 00000001 828684`, 5],
    ['padding longer than its frame', `${settings} 000003 01 0d 00000001 ff8286`, 1],
    ['CONTINUATION without HEADERS', `${settings} 000000 09 04 00000001`, 1],
    ['a frame inside a header block', `${settings} 000001 01 01 00000001 82 000008 06 00 00000000 0000000000000000`, 1],
    ['a block that cannot be decoded', `${settings} 000001 01 05 00000001 80`, 9],
    ['RST_STREAM on an idle stream', `${settings} 000004 03 00 00000001 00000008`, 1],
    ['SETTINGS of a wrong size', '000001 04 00 00000000 00', 6],
    ['an initial window above 2^31', '000006 04 00 00000000 0004 80000000', 3],
    ['PING of a wrong size', `${settings} 000007 06 00 00000000 00000000000000`, 6],
    ['WINDOW_UPDATE of 0 on the connection', `${settings} 000004 08 00 00000000 00000000`, 1],
    ['a connection window beyond 2^31', `${settings} 000004 08 00 00000000 7fffffff`, 3],
    ['PUSH_PROMISE', `${settings} 000004 05 04 00000001 00000002`, 1],
    ['GOAWAY on a stream', `${settings} 000008 07 00 00000001 0000000000000000`, 1],
    ['a SETTINGS flood', settings.repeat(6000), 11],
    ['a PING flood', settings + '000008 06 00 00000000 0000000000000000'.repeat(6000), 11],
    ['a CONTINUATION flood', `${settings} 000000 01 01 00000001${'000000 09 00 00000001'.repeat(100)}`, 11],
  ];

  async function send(frames: string): Promise<Buffer> {
    const port = await listen(
      createServer({ allowHalfOpen: true }, (socket) => {
        const transport = new NodeTransport(socket);
        transport.handler = new Http2Server({ transport, turn, fields, onRequest: echo });
      }),
    );
    const socket = connect(port, '127.0.0.1');
    cleanups.push(() => socket.destroy());
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), hex(frames)]));
    const chunks: Buffer[] = [];
    socket.on('error', () => {});
    socket.on('data', (chunk) => chunks.push(chunk));
    await once(socket, 'close');
    return Buffer.concat(chunks);
  }

  it.each(connectionErrors)('ends the connection on %s', async (_name, frames, code) => {
    const answer = await send(frames);
    const goAways: number[] = [];
    for (let at = 0; at + 9 <= answer.length; ) {
      const length = answer.readUIntBE(at, 3);
      if (answer[at + 3] === 7) goAways.push(answer.readUInt32BE(at + 13));
      at += 9 + length;
    }
    expect(goAways).toEqual([code]);
  });

  it('resets only the stream when its message is malformed', async () => {
    const session = await nodeClient(echo);
    const bad = session.request({ ':method': 'POST', 'content-length': '5' });
    bad.on('error', () => {});
    bad.end('too long for that');
    await closing(bad);
    expect(bad.rstCode).toBe(1);
    const good = session.request({ ':method': 'POST' });
    good.end('fine');
    expect((await readAll(good)).toString()).toBe('fine');
  });

  it('ends a connection that resets streams without end', async () => {
    const refused: string[] = [];
    const session = await nodeClient(
      () => ({ onData: () => {}, onTrailers: () => {}, onSent: () => {}, onReset: () => {} }),
      refused,
    );
    const closed = closing(session);
    for (let i = 0; i < 1500 && !session.destroyed; i++) {
      const stream = session.request({ ':path': '/' });
      stream.on('error', () => {});
      stream.close(http2.constants.NGHTTP2_CANCEL);
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    expect(refused).toEqual(['too many streams reset']);
  });
});
