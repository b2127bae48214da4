import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testOrigin, testSide } from '../testing/exchanges.ts';
import { Field } from '../wire/field.ts';
import { FieldTable } from '../wire/field-table.ts';
import { Http1Client } from '../wire/http1/client.ts';
import { Http1Server } from '../wire/http1/server.ts';
import { Http2Client } from '../wire/http2/client.ts';
import { Http2Server } from '../wire/http2/server.ts';
import type {
  ClientConnection,
  HttpVersion,
  RequestListener,
  ResponseHandler,
  ResponseHead,
  Stream,
} from '../wire/stream.ts';
import { ManualTurn, MemoryTransport } from '../wire/testing/memory-transport.ts';
import type { TransportHandler } from '../wire/transport.ts';
import { Exchange } from './exchange.ts';
import { plainPlan } from './plan.ts';

/**
 * client → outbound proxy → inbound proxy → server with the real codecs and exchanges, joined by connections in memory
 * that cut the bytes anywhere and are full now and then.
 */
const side = testSide();

class Chain {
  private readonly turn = new ManualTurn();
  private readonly links: [MemoryTransport, MemoryTransport][] = [];
  private readonly sizes: readonly number[];
  private step = 0;

  constructor(sizes: readonly number[]) {
    this.sizes = sizes;
  }

  connect(version: HttpVersion, onRequest: RequestListener): ClientConnection {
    const near = new MemoryTransport();
    const far = new MemoryTransport();
    this.links.push([near, far]);
    const { turn } = this;
    const options = { transport: near, turn, fields: new FieldTable(1), onAvailable: () => {}, onClosed: () => {} };
    const client = version === 'http1' ? new Http1Client(options) : new Http2Client(options);
    const accepting = { transport: far, turn, fields: new FieldTable(2), onRequest };
    near.handler = client;
    far.handler = version === 'http1' ? new Http1Server(accepting) : new Http2Server(accepting);
    // An HTTP/2 client takes requests once the other side's SETTINGS have come.
    this.run();
    return client;
  }

  /** What a proxy does with a request: it goes on over `next`. */
  proxied(next: ClientConnection, version: HttpVersion): RequestListener {
    return (stream, head, end) => {
      const exchange = new Exchange(side, stream, head, end, testOrigin(version), version);
      const plan = plainPlan({
        send: (attempt) => {
          if (!attempt.start(next, 0)) throw new Error('the next connection takes no request');
        },
      });
      exchange.begin(plan);
      return exchange;
    };
  }

  /** Carries bytes until none are left. */
  run(): void {
    for (let moved = true; moved; ) {
      this.turn.end();
      moved = false;
      for (const [near, far] of this.links) {
        moved = this.carry(near, far.handler!) || moved;
        moved = this.carry(far, near.handler!) || moved;
      }
    }
  }

  private carry(from: MemoryTransport, to: TransportHandler): boolean {
    const bytes = from.take();
    for (let at = 0; at < bytes.length; ) {
      const size = this.sizes[this.step++ % this.sizes.length];
      // Now and then the other direction finds its socket full while this one brings bytes.
      from.blocked = size % 3 === 0;
      to.onBytes(new Uint8Array(bytes.subarray(at, at + size)));
      at += size;
    }
    if (from.blocked) from.unblock();
    return bytes.length > 0;
  }
}

/** Sends back what comes, as it comes, and counts. */
const echo: RequestListener = (stream, head, end) => {
  stream.sendResponse(
    { status: 200, contentLength: head.contentLength, upgrade: undefined, fields: [], marks: 0 },
    end,
  );
  return {
    onData: (chunk, last) => stream.sendData(chunk, last),
    onTrailers: (trailers) => stream.sendTrailers(trailers),
    onSent: (bytes) => stream.credit(bytes),
    onReset: (_code, reason) => {
      throw new Error(`reset at the server: ${reason}`);
    },
  };
};

class Gather implements ResponseHandler {
  chunks: Buffer[] = [];
  trailers: Field[] = [];
  ended = false;
  reset: string | undefined = undefined;
  source: Stream | undefined = undefined;

  onInformational(): void {}
  onResponse(_head: ResponseHead, end: boolean): void {
    this.ended = end;
  }
  onData(chunk: Uint8Array, end: boolean): void {
    if (this.ended) throw new Error('data behind the end');
    this.chunks.push(Buffer.from(chunk));
    this.ended = end;
    this.source?.credit(chunk.length);
  }
  onTrailers(trailers: Field[]): void {
    this.trailers = trailers;
    this.ended = true;
  }
  onSent(): void {}
  onReset(_code: number, reason: string): void {
    this.reset = reason;
  }
}

const bytesOf = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff);
const chunkLengths = fc.array(
  fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ max: 3000, min: 0 }), fc.integer({ min: 0, max: 80_000 })),
  { maxLength: 8 },
);
const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20_000 })), {
  minLength: 1,
  maxLength: 8,
});

describe.each([
  ['http1', 'http2', 'http1'],
  ['http1', 'http1', 'http1'],
  ['http2', 'http2', 'http2'],
  ['http2', 'http2', 'http1'],
] as const)('%s → %s → %s', (first, second, third) => {
  it('any chunks, cut anywhere, come out byte for byte in both directions, with length or trailers', () => {
    fc.assert(
      fc.property(chunkLengths, sizes, fc.boolean(), fc.boolean(), (lengths, cuts, sized, withTrailers) => {
        const chain = new Chain(cuts);
        const toServer = chain.connect(third, echo);
        const toInbound = chain.connect(second, chain.proxied(toServer, second));
        const toOutbound = chain.connect(first, chain.proxied(toInbound, first));
        chain.run();
        const chunks = lengths.map((length, i) => bytesOf(length, i));
        const body = Buffer.concat(chunks);
        const trailers = withTrailers && !sized ? [new Field('x-sum', 'done')] : [];
        const got = new Gather();
        const head = { method: 'POST', scheme: 'http', authority: 'a:80', path: '/', upgrade: undefined };
        const contentLength = sized ? body.length : -1;
        const empty = chunks.length === 0 && trailers.length === 0;
        const stream = toOutbound.request(
          { ...head, contentLength, absoluteForm: false, fields: [], marks: 0 },
          empty,
          got,
        )!;
        got.source = stream;
        chunks.forEach((chunk, i) => {
          stream.sendData(chunk, trailers.length === 0 && i === chunks.length - 1);
          if (i % 3 === 0) chain.run();
        });
        if (trailers.length > 0) stream.sendTrailers(trailers);
        chain.run();
        expect(got.reset).toBeUndefined();
        expect(got.ended).toBe(true);
        expect(Buffer.concat(got.chunks).equals(body)).toBe(true);
        expect(got.trailers.map(({ name, value }) => [name, value])).toEqual(trailers.map((t) => [t.name, t.value]));
      }),
      { numRuns: 15 },
    );
  });
});
