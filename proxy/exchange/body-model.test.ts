import fc from 'fast-check';
import { expect, it } from 'vitest';
import { exchangeOf, TestConnection, type TestUpstream, testSide } from '../testing/exchanges.ts';
import { closedUnanswered, ErrorCode } from '../wire/stream.ts';
import type { Attempt } from './attempt.ts';
import { plainPlan } from './plan.ts';
import { maxKeptBytes } from './request-body.ts';

type Event =
  | { kind: 'data'; bytes: number }
  | { kind: 'start' | 'refuse' | 'cut off' | 'trailers' | 'end' }
  | { kind: 'sent'; bytes: number };

const windowBytes = 64 * 1024;
const size = fc.oneof(fc.nat(10), fc.nat(5000), fc.nat(40_000));
const kind = fc.constantFrom('start', 'start', 'refuse', 'cut off', 'trailers', 'end');
const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('data' as const), bytes: size }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('sent' as const), bytes: fc.nat(60_000) }) },
    { weight: 3, arbitrary: fc.record({ kind }) as fc.Arbitrary<Event> },
  ),
  { maxLength: 60, size: 'max' },
);

/** A client that keeps to its credit, and an endpoint that takes, refuses and answers. */
class World {
  readonly side = testSide();
  readonly sent = exchangeOf(this.side, { version: 'http2', end: false, head: { method: 'PUT' } });
  private readonly connection = new TestConnection();
  private waiting: Attempt | undefined = undefined;
  private upstream: TestUpstream | undefined = undefined;
  /** Of what the upstream has been given, what has left for the endpoint. */
  private left = 0;
  private body = '';
  private over = false;

  constructor() {
    // Its first request is behind it: one that is cut off may be sent again.
    this.connection.requests = 1;
    const send = (attempt: Attempt): void => {
      this.waiting = attempt;
    };
    this.sent.exchange.begin(plainPlan({ send }));
  }

  happen(event: Event): void {
    const { exchange, client } = this.sent;
    if (exchange.finished) return;
    const room = windowBytes - (this.body.length - client.credited);
    if (event.kind === 'data' && !this.over) this.send(Math.min(event.bytes, room), false);
    else if (event.kind === 'end' && !this.over) this.send(0, true);
    else if (event.kind === 'trailers' && !this.over) {
      this.over = true;
      exchange.onTrailers([]);
    } else if (event.kind === 'start') this.start();
    else if (event.kind === 'sent') this.leave(event.bytes);
    else if (event.kind === 'refuse') this.lose(ErrorCode.refusedStream, 'not looked at');
    else if (event.kind === 'cut off') this.lose(ErrorCode.internalError, closedUnanswered);
    expect(client.credited).toBeLessThanOrEqual(this.body.length);
    expect(this.side.keptBytes.used).toBeLessThanOrEqual(maxKeptBytes + windowBytes);
  }

  /** The endpoint takes all and answers. */
  end(): void {
    const { exchange, client } = this.sent;
    this.start();
    if (!exchange.finished) {
      if (!this.over) this.send(0, true);
      this.leave(Number.POSITIVE_INFINITY);
      expect(this.upstream!.body).toBe(this.body);
      expect(this.upstream!.ended).toBe(true);
      expect(client.credited).toBe(this.body.length);
      this.upstream!.answer();
    }
    expect([exchange.finished, this.side.keptBytes.used, this.side.deadlines.armed]).toEqual([true, 0, 0]);
  }

  private send(bytes: number, end: boolean): void {
    const from = this.body.length;
    let chunk = '';
    for (let i = 0; i < bytes; i++) chunk += String.fromCharCode(97 + ((from + i) % 23));
    this.body += chunk;
    this.over = end;
    // Codecs read the next chunk to where this one lies.
    const shown = new Uint8Array(Buffer.from(chunk));
    this.sent.exchange.onData(shown, end);
    shown.fill(0);
  }

  private start(): void {
    if (this.waiting === undefined) return;
    const attempt = this.waiting;
    this.waiting = undefined;
    this.left = 0;
    attempt.start(this.connection, this.side.clock.nowMs());
    this.upstream = this.connection.last;
  }

  private leave(bytes: number): void {
    if (this.upstream === undefined) return;
    const more = Math.min(bytes, this.upstream.body.length - this.left);
    this.left += more;
    if (more > 0) this.upstream.handler.onSent(more);
  }

  private lose(code: ErrorCode, reason: string): void {
    const { upstream } = this;
    this.upstream = undefined;
    upstream?.handler.onReset(code, reason);
  }
}

it('the endpoint that answers gets the body byte for byte, and the client its credit once, whatever was tried before', () => {
  fc.assert(
    fc.property(events, (happened) => {
      const world = new World();
      for (const event of happened) world.happen(event);
      world.end();
    }),
    { numRuns: 200 },
  );
});
