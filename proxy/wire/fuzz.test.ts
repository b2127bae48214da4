import { describe, expect, it } from 'vitest';
import { parseClientHello } from './detect/client-hello.ts';
import { detectHttp } from './detect/http-detect.ts';
import { decodeTransportHeader, encodeTransportHeader, TransportHeaderError } from './detect/transport-header.ts';
import { Field } from './field.ts';
import { FieldTable } from './field-table.ts';
import { Http1Client } from './http1/client.ts';
import { Http1Server } from './http1/server.ts';
import { Http2Client } from './http2/client.ts';
import { Flag, FrameType, preface, writeFrame, writeSettings } from './http2/frame.ts';
import { HpackDecoder, HpackError } from './http2/hpack/decoder.ts';
import { HpackEncoder } from './http2/hpack/encoder.ts';
import { encodeHuffman } from './http2/hpack/huffman.ts';
import { Http2Server } from './http2/server.ts';
import { OutputBuffer } from './output-buffer.ts';
import type { RequestHead } from './stream.ts';
import { ManualTurn, MemoryTransport } from './testing/memory-transport.ts';
import { generator, mutate, pieces } from './testing/mutate.ts';
import { accepted, badChunks, post, refused } from './testing/request-vectors.ts';
import { responseVectors } from './testing/response-vectors.ts';
import { StrictHandler, strictListener } from './testing/strict-handler.ts';

/**
 * Every parser of bytes that strangers send, fed with what is valid, changed at random: nothing is thrown but what a
 * parser says it throws, nothing takes long, and what is sent back is bounded by what came.
 *
 * Half a second for each parser; `TULLE_FUZZ_SECONDS=60 npx vitest run proxy/wire/fuzz.test.ts` for longer, and
 * `TULLE_FUZZ_SEED` to see one run again.
 */
const seconds = Number(process.env['TULLE_FUZZ_SECONDS'] ?? 0.5);
const seed = Number(process.env['TULLE_FUZZ_SEED'] ?? Date.now() % 1_000_000_000);
const longestMs = 2000;

type Random = (below: number) => number;

function fuzz(corpus: readonly Uint8Array[], feed: (bytes: Uint8Array, random: Random) => void): void {
  const random = generator(seed);
  const deadline = performance.now() + seconds * 1000;
  let inputs = 0;
  while (performance.now() < deadline) {
    const bytes = mutate(corpus, random);
    const startMs = performance.now();
    try {
      feed(bytes, random);
    } catch (error) {
      const input = Buffer.from(bytes).toString('hex');
      throw new Error(`TULLE_FUZZ_SEED=${seed}, input ${inputs}: ${input}`, { cause: error });
    }
    expect(performance.now() - startMs).toBeLessThan(longestMs);
    inputs++;
  }
  expect(inputs).toBeGreaterThan(10);
}

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const request = (method: string): RequestHead => ({
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

/** A codec's output may not grow beyond what its input explains. */
function expectBounded(transport: MemoryTransport, input: Uint8Array): void {
  const bytes = transport.written.reduce((sum, { length }) => sum + length, 0);
  expect(bytes).toBeLessThan(100_000 + 400 * input.length);
}

const fields = [
  new Field('content-type', 'application/grpc'),
  new Field('x-own', 'value of its own'),
  new Field('authorization', 'secret', true),
];
for (const field of fields) field.interned = !field.sensitive;

/** Header blocks as our encoder makes them, and with Huffman coding, table size updates and indices. */
function blocks(heads: [string, string][]): Uint8Array[] {
  const encoder = new HpackEncoder();
  const coded = new Uint8Array(100);
  const codedBytes = encodeHuffman('www.example.com', coded, 0);
  return [0, 1, 4096].map((limit) => {
    const out = new OutputBuffer();
    if (limit > 0) encoder.setTableLimit(limit);
    encoder.begin(out);
    for (const [name, value] of heads) encoder.field(out, new Field(name, value));
    for (const field of [...fields, ...fields]) encoder.field(out, field);
    out.append(Uint8Array.of(0x00, 1, 0x78, 0x80 | codedBytes));
    out.append(coded.subarray(0, codedBytes));
    return out.take();
  });
}

const requestBlocks = blocks([
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a'],
  [':authority', 'a.test'],
]);
const responseBlocks = blocks([[':status', '200']]);

/** A whole connection of frames of every type. */
function frames(block: Uint8Array, opening: Uint8Array): Uint8Array {
  const out = new OutputBuffer();
  const put = (type: number, flags: number, id: number, ...payload: number[]): void => {
    out.bytes.set(payload, writeFrame(out, type, flags, id, payload.length));
  };
  out.append(opening);
  writeSettings(out, [
    [1, 100],
    [3, 10],
    [4, 1000],
    [5, 20_000],
    [8, 1],
  ]);
  put(FrameType.settings, Flag.ack, 0);
  put(FrameType.headers, Flag.endHeaders, 1, ...block);
  put(FrameType.data, Flag.padded, 1, 2, 65, 66, 0, 0);
  put(FrameType.windowUpdate, 0, 0, 0, 0, 1, 0);
  put(FrameType.windowUpdate, 0, 1, 0, 0, 1, 0);
  put(FrameType.data, Flag.endStream, 1, 67);
  put(FrameType.headers, Flag.endStream, 3, ...block.subarray(0, 7));
  put(FrameType.continuation, Flag.endHeaders, 3, ...block.subarray(7));
  put(FrameType.priority, 0, 5, 0, 0, 0, 1, 16);
  put(FrameType.headers, Flag.endHeaders | Flag.priority | Flag.padded, 5, 1, 0, 0, 0, 0, 1, ...block, 0);
  put(FrameType.rstStream, 0, 5, 0, 0, 0, 8);
  put(FrameType.ping, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8);
  put(0x42, 0, 7, 1, 2, 3);
  put(FrameType.goAway, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0);
  return out.take();
}

describe(`fuzzing with seed ${seed}`, () => {
  const timeout = (seconds + 20) * 1000;

  it('HTTP/1 requests', { timeout }, () => {
    const corpus = [
      ...accepted.map(([, bytes]) => latin1(bytes)),
      ...refused.map(([, bytes]) => latin1(bytes)),
      ...badChunks.map(([, body]) => latin1(post('Transfer-Encoding: chunked\r\n', body))),
    ];
    fuzz(corpus, (bytes, random) => {
      const transport = new MemoryTransport();
      const turn = new ManualTurn();
      const handlers: StrictHandler[] = [];
      const answers: (() => void)[] = [];
      const onRequest = strictListener(
        (handler) => handlers.push(handler),
        random(2) === 0 ? undefined : (answer) => answers.push(answer),
      );
      let now = 0;
      const fields = new FieldTable(random(1000));
      const server = new Http1Server({ transport, turn, fields, onRequest, nowMs: () => now });
      for (const piece of pieces(bytes, random)) {
        if (!transport.closed) server.onBytes(piece);
        if (random(2) === 0) answers.shift()?.();
        now += random(1000);
        if (random(4) === 0) server.checkDeadlines(now);
        turn.end();
      }
      now += random(1000);
      if (random(2) === 0) server.onEnd();
      for (const answer of answers) answer();
      server.checkDeadlines(now + 1_000_000);
      server.onClose(undefined);
      expectBounded(transport, bytes);
      expect(handlers.filter((handler) => !handler.over && !handler.answered)).toEqual([]);
    });
  });

  it('HTTP/1 responses', { timeout }, () => {
    const corpus = [
      ...responseVectors.map((vector) => latin1(vector.bytes)),
      latin1('HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab'),
      latin1('HTTP/1.0 200 OK\r\n\r\nto the end'),
    ];
    fuzz(corpus, (bytes, random) => {
      const transport = new MemoryTransport();
      const turn = new ManualTurn();
      let handler = new StrictHandler('head');
      const client = new Http1Client({
        transport,
        turn,
        fields: new FieldTable(random(1000)),
        onAvailable: () => {
          handler = new StrictHandler('head');
          handler.source = client.request(request('GET'), true, handler);
        },
        onClosed: () => {},
      });
      handler.source = client.request(request(random(4) === 0 ? 'HEAD' : 'GET'), true, handler);
      for (const piece of pieces(bytes, random)) {
        if (!transport.closed) client.onBytes(piece);
        turn.end();
      }
      if (random(2) === 0) client.onEnd();
      client.onClose(undefined);
      expect(handler.over).toBe(true);
      expectBounded(transport, bytes);
    });
  });

  it('HTTP/2 as a server', { timeout }, () => {
    fuzz(
      requestBlocks.map((block) => frames(block, preface)),
      (bytes, random) => {
        const transport = new MemoryTransport();
        const turn = new ManualTurn();
        const handlers: StrictHandler[] = [];
        const onRequest = strictListener((handler) => handlers.push(handler));
        const server = new Http2Server({ transport, turn, fields: new FieldTable(random(1000)), onRequest });
        for (const piece of pieces(bytes, random)) {
          if (!transport.closed) server.onBytes(piece);
          turn.end();
        }
        server.checkDeadlines(0);
        server.checkDeadlines(1_000_000);
        turn.end();
        server.onClose(undefined);
        expect(server.activeStreams).toBe(0);
        expectBounded(transport, bytes);
      },
    );
  });

  it('HTTP/2 as a client', { timeout }, () => {
    fuzz(
      responseBlocks.map((block) => frames(block, new Uint8Array(0))),
      (bytes, random) => {
        const transport = new MemoryTransport();
        const turn = new ManualTurn();
        const options = { transport, turn, fields: new FieldTable(random(1000)), onAvailable: () => {} };
        const client = new Http2Client({ ...options, onClosed: () => {} });
        const settings = new OutputBuffer();
        writeSettings(settings, []);
        client.onBytes(settings.take());
        const handlers = [0, 1, 2, 3].map((i) => {
          const handler = new StrictHandler('head');
          const stream = client.request(request(i === 3 ? 'HEAD' : 'POST'), i % 2 === 0, handler);
          handler.source = stream;
          if (i % 2 === 1) stream?.sendData(new Uint8Array(70_000), true);
          return handler;
        });
        for (const piece of pieces(bytes, random)) {
          if (!transport.closed) client.onBytes(piece);
          turn.end();
        }
        client.onClose(undefined);
        for (const handler of handlers) expect(handler.over).toBe(true);
        expect(client.activeStreams).toBe(0);
      },
    );
  });

  it('HPACK', { timeout }, () => {
    fuzz([...requestBlocks, ...responseBlocks], (bytes, random) => {
      const decoder = new HpackDecoder(new FieldTable(random(1000)));
      const limit = 1000;
      for (const piece of pieces(bytes, random)) {
        const into: Field[] = [];
        try {
          decoder.decode(piece, 0, piece.length, into, limit);
        } catch (error) {
          if (error instanceof HpackError) return;
          throw error;
        }
        expect(into.reduce((sum, { name, value }) => sum + name.length + value.length + 32, 0)).toBeLessThanOrEqual(
          limit,
        );
      }
    });
  });

  it('ClientHello', { timeout }, () => {
    const name = latin1('web.test');
    const serverName = [0, 0, 0, name.length + 5, 0, name.length + 3, 0, 0, name.length, ...name];
    const alpn = [0, 16, 0, 5, 0, 3, 2, 0x68, 0x32];
    const extensions = [...serverName, ...alpn];
    const body = [3, 3, ...new Array(32).fill(7), 0, 0, 2, 0x13, 1, 1, 0, 0, extensions.length, ...extensions];
    const handshake = [1, 0, 0, body.length, ...body];
    const hello = Uint8Array.from([22, 3, 1, 0, handshake.length, ...handshake]);
    expect(parseClientHello(hello)).toEqual({ kind: 'hello', serverName: 'web.test', alpn: ['h2'] });
    fuzz([hello], (bytes) => {
      const whole = parseClientHello(bytes);
      // What has been decided stays decided, whatever more comes.
      if (whole.kind !== 'more') expect(parseClientHello(new Uint8Array([...bytes, 0])).kind).toBe(whole.kind);
    });
  });

  it('transport header', { timeout }, () => {
    const corpus = [
      encodeTransportHeader({ port: 8080, name: '', protocol: undefined }),
      encodeTransportHeader({ port: 0, name: 'web.test.svc.cluster.local:80', protocol: 'http1' }),
      encodeTransportHeader({ port: 65_535, name: '', protocol: 'http2' }),
    ];
    fuzz(corpus, (bytes) => {
      try {
        const decoded = decodeTransportHeader(bytes);
        if (decoded !== undefined) expect(decoded.length).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        if (!(error instanceof TransportHeaderError)) throw error;
      }
    });
  });

  it('detection of HTTP', { timeout }, () => {
    fuzz([latin1('GET / HTTP/1.1\r\n'), preface], (bytes) => {
      const detected = detectHttp(bytes, false);
      expect(detectHttp(bytes, true)).toBe(detected === 'more' ? detectHttp(bytes, true) : detected);
      expect(detectHttp(bytes, true)).not.toBe('more');
    });
  });
});
