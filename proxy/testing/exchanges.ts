import { Exchange } from '../exchange/exchange.ts';
import type { ExchangeSide } from '../exchange/exchange-side.ts';
import type { ExchangeObserver } from '../exchange/observers.ts';
import type { Origin } from '../exchange/origin.ts';
import { KeptBytes } from '../exchange/request-body.ts';
import { TimerWheel } from '../timer-wheel.ts';
import { type Field, marksOfAll } from '../wire/field.ts';
import {
  type ClientConnection,
  ErrorCode,
  type HttpVersion,
  type RequestHead,
  type ResponseHandler,
  type ResponseHead,
  type ServerStream,
  type Stream,
} from '../wire/stream.ts';
import { FakeClock } from './fake-clock.ts';

/** A side of the proxy whose time the test owns. */
export function testSide(observers: readonly ExchangeObserver[] = [], clock = new FakeClock()): ExchangeSide {
  return { clock, deadlines: new TimerWheel(clock), observers, keptBytes: new KeptBytes() };
}

export const testOrigin = (version: HttpVersion, tellsWhy = false): Origin => ({
  direction: 'inbound',
  version,
  tellsWhy,
  clientAddress: '127.0.0.1',
  clientPort: 4000,
  clientTls: tellsWhy,
  clientIdentity: undefined,
  address: '127.0.0.1',
  port: 8080,
});

export const requestOf = (changes: Partial<RequestHead> = {}): RequestHead => ({
  method: 'GET',
  scheme: 'http',
  authority: 'web',
  path: '/',
  contentLength: -1,
  upgrade: undefined,
  absoluteForm: false,
  fields: [],
  marks: 0,
  ...changes,
});

/** A stream that keeps what it was sent. */
class TestStream implements Stream {
  readonly resets: ErrorCode[] = [];
  body = '';
  ended = false;
  credited = 0;

  sendData(chunk: Uint8Array, end: boolean): void {
    this.body += Buffer.from(chunk).toString('latin1');
    this.ended = end;
  }

  sendTrailers(): void {
    this.ended = true;
  }

  reset(code: ErrorCode): void {
    this.resets.push(code);
  }

  credit(bytes: number): void {
    this.credited += bytes;
  }
}

/** The client's end of an exchange: what it was told. */
export class TestClient extends TestStream implements ServerStream {
  readonly heads: ResponseHead[] = [];
  readonly informed: number[] = [];
  closesAfter = false;

  get status(): number | undefined {
    return this.heads[0]?.status;
  }

  sendInformational({ status }: ResponseHead): void {
    this.informed.push(status);
  }

  sendResponse(head: ResponseHead, end: boolean): void {
    this.heads.push(head);
    this.ended = end;
  }

  closeAfterResponse(): void {
    this.closesAfter = true;
  }
}

/** A request that an endpoint got, and how it may answer. */
export class TestUpstream extends TestStream {
  readonly head: RequestHead;
  readonly handler: ResponseHandler;
  readonly extra: readonly { readonly name: string; readonly value: string }[];

  constructor(head: RequestHead, end: boolean, handler: ResponseHandler, extra: TestUpstream['extra']) {
    super();
    this.head = head;
    this.ended = end;
    this.handler = handler;
    this.extra = extra;
  }

  answer(status = 200, end = true, fields: readonly Field[] = []): void {
    this.handler.onResponse({ status, contentLength: -1, upgrade: undefined, fields, marks: marksOfAll(fields) }, end);
  }

  refuse(): void {
    this.handler.onReset(ErrorCode.refusedStream, 'the peer goes away');
  }
}

/** A connection that takes as many requests as come. */
export class TestConnection implements ClientConnection {
  listed = false;
  requests = 0;
  activeStreams = 0;
  available = true;
  draining = false;
  readonly upstreams: TestUpstream[] = [];

  request(head: RequestHead, end: boolean, handler: ResponseHandler, extra: TestUpstream['extra'] = []): Stream {
    this.requests++;
    const upstream = new TestUpstream(head, end, handler, extra);
    this.upstreams.push(upstream);
    return upstream;
  }

  get last(): TestUpstream {
    return this.upstreams.at(-1)!;
  }

  drain(): void {
    this.draining = true;
    this.available = false;
  }

  close(): void {}
}

/** An exchange of a client of `version`, and what that client was told. */
export function exchangeOf(
  side: ExchangeSide,
  options: { version?: HttpVersion; end?: boolean; head?: Partial<RequestHead>; tellsWhy?: boolean } = {},
): { exchange: Exchange; client: TestClient } {
  const { version = 'http1', end = true, head = {}, tellsWhy = false } = options;
  const client = new TestClient();
  return { exchange: new Exchange(side, client, requestOf(head), end, testOrigin(version, tellsWhy), version), client };
}
