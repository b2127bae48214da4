import { connect as connectHttp2, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ErrorCode } from '../../proxy/wire/stream.ts';
import { LoneProxy } from './lone-proxy.ts';
import { unreadBytes } from './open-sockets.ts';
import { Flag, FrameType, frame, literal, RawHttp2, requestBlock, settings, uint32Bytes } from './raw-http2.ts';

/**
 * Clients that abuse HTTP/2, over real sockets against a real proxy process: each connection is ended with the right
 * error, the process stays small and is not kept busy, and a neighbour's requests go on meanwhile.
 */
let server: Http2Server;
let proxy: LoneProxy;
const open = new Set<ServerHttp2Stream>();
const clients: RawHttp2[] = [];

beforeAll(async () => {
  server = createServer({ settings: { maxConcurrentStreams: 10_000 }, maxSessionMemory: 1000 });
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    open.add(stream);
    stream.on('error', () => {}).on('close', () => open.delete(stream));
    if (headers[':path'] === '/hang') return;
    if (headers[':path'] === '/stall') {
      stream.pause();
      return;
    }
    stream.respond({ ':status': 200 });
    stream.end(Buffer.alloc(headers[':path'] === '/large' ? 1_000_000 : 100, 'x'));
    stream.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy = await LoneProxy.start((server.address() as AddressInfo).port, {
    LINKERD2_PROXY_HTTP_HEAD_TIMEOUT: '700ms',
    LINKERD2_PROXY_HTTP_STALL_TIMEOUT: '1500ms',
  });
}, 40_000);
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  await proxy?.stop();
  server?.close();
});

async function attacker(first?: Buffer): Promise<RawHttp2> {
  const client = await RawHttp2.connect(proxy.inbound, first);
  clients.push(client);
  return client;
}

/**
 * Runs an attack beside a neighbour that asks one request after the other; expects that all of them were answered, and
 * that the attack cost the proxy less than `most`.
 */
async function withNeighbour(attack: () => Promise<void>, most = { memoryMb: 60, cpuSeconds: 4 }): Promise<void> {
  const session = connectHttp2(`http://127.0.0.1:${proxy.inbound}`);
  const failures: string[] = [];
  session.on('error', (error) => failures.push(error.message));
  let answered = 0;
  let over = false;
  const neighbour = (async () => {
    while (!over || answered === 0) {
      const status = await new Promise<unknown>((resolve) => {
        const stream = session.request({ ':path': '/' });
        stream.on('response', (headers) => resolve(headers[':status']));
        stream.on('error', (error) => resolve(error.message));
        stream.resume();
      });
      if (status === 200) answered++;
      else failures.push(String(status));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  const before = { memoryMb: proxy.memoryMb(), cpuSeconds: proxy.cpuSeconds() };
  let highest = before.memoryMb;
  const watch = setInterval(() => {
    highest = Math.max(highest, proxy.memoryMb());
  }, 20);
  try {
    await attack();
  } finally {
    over = true;
    clearInterval(watch);
    await neighbour;
    session.destroy();
  }
  expect(failures).toEqual([]);
  expect(Math.max(highest, proxy.memoryMb()) - before.memoryMb).toBeLessThan(most.memoryMb);
  expect(proxy.cpuSeconds() - before.cpuSeconds).toBeLessThan(most.cpuSeconds);
  expect(proxy.errors()).toBe('');
}

/**
 * What a flood has on its way at most when it goes on. The proxy reads a mebibyte behind its GOAWAY; for more there is a reset,
 * at which Node throws away what it has not read, the GOAWAY with it.
 */
const mostUnread = 256 * 1024;

/** Sends `bytes(i)` until the connection is ended or `most` were sent. */
async function flood(client: RawHttp2, most: number, bytes: (index: number) => Uint8Array): Promise<void> {
  for (let i = 0; i < most && !client.closed && client.goAway === undefined; i += 100) {
    await client.send(...Array.from({ length: 100 }, (_, at) => bytes(i + at)));
    // A write that the kernel takes at once calls back at once: without this nothing would ever be read.
    do await new Promise((resolve) => setImmediate(resolve));
    while (!client.closed && unreadBytes(client.socket) > mostUnread);
  }
}

/** The connection ends, and before it a GOAWAY with `code` came. */
async function expectEnd(client: RawHttp2, code: number): Promise<void> {
  await vi.waitFor(() => expect(client.closed || client.goAway !== undefined).toBe(true), { timeout: 6000 });
  expect(client.goAway).toBe(code);
  client.socket.end();
  await vi.waitFor(() => expect(client.closed).toBe(true), { timeout: 6000 });
}

const get = (id: number, path = '/'): Buffer =>
  frame(FrameType.headers, Flag.endHeaders | Flag.endStream, id, requestBlock('GET', path));
const post = (id: number, path = '/'): Buffer =>
  frame(FrameType.headers, Flag.endHeaders, id, requestBlock('POST', path));
const cancel = (id: number): Buffer => frame(FrameType.rstStream, 0, id, uint32Bytes(ErrorCode.cancel));

describe('floods end with ENHANCE_YOUR_CALM', () => {
  const calm = ErrorCode.enhanceYourCalm;

  it('requests that are reset at once, whose streams do not stay open at the application', () =>
    withNeighbour(async () => {
      const client = await attacker();
      await flood(client, 20_000, (i) => Buffer.concat([get(2 * i + 1, '/hang'), cancel(2 * i + 1)]));
      await expectEnd(client, calm);
      await vi.waitFor(() => expect(open.size).toBeLessThan(10), { timeout: 5000 });
    }));

  it.each([
    ['window updates of 0', (id: number) => frame(FrameType.windowUpdate, 0, id, uint32Bytes(0))],
    ['overflowing windows', (id: number) => frame(FrameType.windowUpdate, 0, id, uint32Bytes(0x7fffffff))],
    ['a priority of a wrong size', (id: number) => frame(FrameType.priority, 0, id, Buffer.alloc(4))],
    [
      'a stream that depends on itself',
      (id: number) => frame(FrameType.priority, 0, id, Buffer.concat([uint32Bytes(id), Buffer.alloc(1)])),
    ],
    ['headers behind the end', (id: number) => get(id, '/hang')],
    ['data behind the end', (id: number) => frame(FrameType.data, 0, id, Buffer.alloc(1))],
  ])('requests that the proxy is made to reset by %s', (_name, error) =>
    withNeighbour(async () => {
      const client = await attacker();
      await flood(client, 20_000, (i) => Buffer.concat([get(2 * i + 1, '/hang'), error(2 * i + 1)]));
      await expectEnd(client, calm);
      await vi.waitFor(() => expect(open.size).toBeLessThan(10), { timeout: 5000 });
    }),
  );

  it('a header block without end', () =>
    withNeighbour(async () => {
      const client = await attacker();
      await client.send(frame(FrameType.headers, 0, 1, requestBlock('GET', '/')));
      // Small enough that what is on its way when the GOAWAY leaves is read to its end, or a RST would take it back.
      const part = Buffer.concat(Array.from({ length: 8 }, () => literal('x-fill', 'y'.repeat(100))));
      await flood(client, 5000, () => frame(FrameType.continuation, 0, 1, part));
      await expectEnd(client, calm);
    }));

  it('empty continuations', () =>
    withNeighbour(async () => {
      const client = await attacker();
      await client.send(frame(FrameType.headers, 0, 1, requestBlock('GET', '/')));
      await flood(client, 5000, () => frame(FrameType.continuation, 0, 1));
      await expectEnd(client, calm);
    }));

  it.each([
    ['settings', () => settings()],
    [
      'settings that move every window',
      () => settings(...Array.from({ length: 1000 }, (_, i) => [4, i] as [number, number])),
    ],
    ['pings', () => frame(FrameType.ping, 0, 0, Buffer.alloc(8))],
    ['frames of unknown types', () => frame(0x42, 0, 0, Buffer.alloc(10))],
    ['priorities', () => frame(FrameType.priority, 0, 1, Buffer.alloc(5))],
    ['window updates', () => frame(FrameType.windowUpdate, 0, 0, uint32Bytes(1))],
  ])('%s', (_name, bytes) =>
    withNeighbour(async () => {
      const client = await attacker();
      await client.send(get(1, '/hang'));
      const frameBytes = bytes();
      await flood(client, 200_000, () => frameBytes);
      await expectEnd(client, calm);
    }),
  );

  it.each([
    ['nothing', Buffer.alloc(0), 0],
    ['padding', Buffer.from([10, ...Buffer.alloc(10)]), Flag.padded],
  ])('data frames of %s', (_name, payload, flags) =>
    withNeighbour(async () => {
      const client = await attacker();
      await client.send(post(1, '/hang'));
      await flood(client, 50_000, () => frame(FrameType.data, flags, 1, payload));
      await expectEnd(client, calm);
    }),
  );
});

it('pings whose answers are not read end the connection, not the memory', () =>
  withNeighbour(async () => {
    const client = await attacker();
    client.socket.pause();
    await flood(client, 100_000, () => frame(FrameType.ping, 0, 0, Buffer.alloc(8)));
    client.socket.resume();
    await vi.waitFor(() => expect(client.closed || client.goAway === ErrorCode.enhanceYourCalm).toBe(true), 8000);
  }));

describe('header compression', () => {
  it('a table beyond what was allowed is an error of compression', async () => {
    const client = await attacker();
    await client.send(frame(FrameType.headers, Flag.endHeaders, 1, Buffer.from([0x3f, 0xe2, 0x1f])));
    await expectEnd(client, ErrorCode.compressionError);
  });

  it('new entries without end push out the old ones', () =>
    withNeighbour(async () => {
      const client = await attacker();
      for (let i = 0; i < 300; i++) {
        const block = Array.from({ length: 100 }, (_, at) => literal(`x-${i}-${at}`, 'v'.repeat(100), 0x40));
        await client.send(
          frame(
            FrameType.headers,
            Flag.endHeaders | Flag.endStream,
            2 * i + 1,
            Buffer.concat([requestBlock('GET', '/'), ...block]),
          ),
        );
      }
      await vi.waitFor(() => expect(client.count(FrameType.headers)).toBe(300), 8000);
      expect(client.goAway).toBeUndefined();
    }));

  it('a small block that stands for megabytes is answered with 431', () =>
    withNeighbour(async () => {
      const client = await attacker();
      const large = literal('x-large', 'v'.repeat(3900), 0x40);
      const bomb = Buffer.concat([requestBlock('GET', '/'), large, Buffer.alloc(12_000, 0x80 | 62)]);
      for (let i = 0; i < 50; i++)
        await client.send(frame(FrameType.headers, Flag.endHeaders | Flag.endStream, 2 * i + 1, bomb));
      await vi.waitFor(() => expect(client.count(FrameType.headers)).toBe(50), 8000);
      expect(new Set(client.statuses())).toEqual(new Set(['431']));
    }));
});

describe('limits', () => {
  const answerTo = async (block: Buffer): Promise<string | undefined> => {
    const client = await attacker();
    const [first, ...rest] = Array.from({ length: Math.ceil(block.length / 16_000) }, (_, i) =>
      block.subarray(16_000 * i, 16_000 * (i + 1)),
    );
    const parts = rest.map((part, i) =>
      frame(FrameType.continuation, i === rest.length - 1 ? Flag.endHeaders : 0, 1, part),
    );
    await client.send(
      frame(FrameType.headers, Flag.endStream | (rest.length === 0 ? Flag.endHeaders : 0), 1, first),
      ...parts,
    );
    await vi.waitFor(() => expect(client.count(FrameType.headers)).toBe(1), 5000);
    return client.statuses()[0];
  };

  it('a header list above the limit is answered with 431', async () =>
    expect(await answerTo(requestBlock('GET', '/', ['x-large', 'v'.repeat(70_000)]))).toBe('431'));

  it('a path above the limit is answered with 414', async () =>
    expect(await answerTo(requestBlock('GET', `/${'p'.repeat(17_000)}`))).toBe('414'));
});

describe('peers that wait', () => {
  it('whose window stays shut have their streams ended, and hold no more than their windows meanwhile', () =>
    withNeighbour(async () => {
      const client = await attacker(settings([4, 0]));
      const ids = Array.from({ length: 200 }, (_, i) => 2 * i + 1);
      await client.send(...ids.map((id) => get(id, '/large')));
      await vi.waitFor(
        () => expect(ids.map((id) => client.resetOf(id))).toEqual(ids.map(() => ErrorCode.cancel)),
        8000,
      );
      expect(client.count(FrameType.data)).toBe(0);
      await vi.waitFor(() => expect(open.size).toBeLessThan(10), 5000);
    }));

  it('that send single bytes to an application which does not read are held in proportion to the bytes', () =>
    withNeighbour(
      async () => {
        const client = await attacker();
        const ids = Array.from({ length: 20 }, (_, i) => 2 * i + 1);
        await client.send(...ids.map((id) => post(id, '/stall')));
        for (let i = 0; i < 60; i++)
          await client.send(
            ...Array.from({ length: 1000 }, () =>
              Buffer.concat(ids.map((id) => frame(FrameType.data, 0, id, Buffer.alloc(1)))),
            ),
          );
        expect(client.goAway).toBeUndefined();
      },
      { memoryMb: 80, cpuSeconds: 15 },
    ));

  it('that say nothing after the preface are sent away', async () => {
    const client = await attacker(Buffer.alloc(0));
    await expectEnd(client, ErrorCode.enhanceYourCalm);
  });

  it('that send half a frame are sent away', async () => {
    const client = await attacker();
    await client.send(get(1).subarray(0, 20));
    await expectEnd(client, ErrorCode.enhanceYourCalm);
  });

  it('that send a frame byte by byte are sent away', async () => {
    const client = await attacker();
    const bytes = frame(FrameType.headers, Flag.endHeaders, 1, literal('x-slow', 'v'.repeat(10_000)));
    for (let i = 0; i < bytes.length && client.goAway === undefined && !client.closed; i++) {
      await client.send(bytes.subarray(i, i + 1));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await expectEnd(client, ErrorCode.enhanceYourCalm);
  });

  it('that leave a header block open are sent away', async () => {
    const client = await attacker();
    await client.send(frame(FrameType.headers, 0, 1, requestBlock('GET', '/')));
    await expectEnd(client, ErrorCode.enhanceYourCalm);
  });

  it('that are idle between requests stay', async () => {
    const idle = await attacker();
    await idle.send(get(1));
    await vi.waitFor(() => expect(idle.count(FrameType.headers)).toBe(1), 5000);
    // Whose deadlines end later than one for the idle connection would.
    const unfinished = await attacker();
    await unfinished.send(get(1).subarray(0, 20));
    const stalled = await attacker(settings([4, 0]));
    await stalled.send(get(1, '/large'));
    await expectEnd(unfinished, ErrorCode.enhanceYourCalm);
    await vi.waitFor(() => expect(stalled.resetOf(1)).toBe(ErrorCode.cancel), 8000);
    await idle.send(get(3));
    await vi.waitFor(() => expect(idle.count(FrameType.headers)).toBe(2), 5000);
    expect(idle.goAway).toBeUndefined();
  });
});
