import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Exchange } from '../exchange/exchange.ts';
import type { Breaker } from '../resilience/breaker/breaker.ts';
import { ConsecutiveBreaker } from '../resilience/breaker/consecutive.ts';
import { endpointAt, TestBalancing, type TestDial } from '../testing/balancing.ts';
import type { TestClient } from '../testing/exchanges.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import type { PoolFailure } from '../upstream/waiter.ts';
import {
  type ClientConnection,
  closedUnanswered,
  ErrorCode,
  type HttpVersion,
  type RequestHead,
  type ResponseHandler,
  type Stream,
} from '../wire/stream.ts';
import type { BalancedEndpoint } from './balanced-endpoint.ts';

const backOff = { minMs: 500, maxMs: 4000, jitterRatio: 0.5, honorsHints: false };

/** What happens to a balancer; `which` chooses among what there is to choose from. */
type Event =
  | { kind: 'send'; version: HttpVersion; body: boolean }
  | { kind: 'body'; which: number; end: boolean }
  | {
      kind: 'give up' | 'open' | 'under way' | 'close' | 'go away' | 'answer' | 'answer 500' | 'cut off' | 'refuse';
      which: number;
    }
  | { kind: 'fail'; which: number; reason: PoolFailure }
  | { kind: 'connect' }
  | { kind: 'connected' | 'unconnected' | 'disconnect'; which: number }
  | { kind: 'endpoints'; which: number; weight: number }
  | { kind: 'sweep' }
  | { kind: 'time'; ms: number };

const which = fc.nat(1000);
const kinds = <K extends string>(...names: K[]) => fc.record({ kind: fc.constantFrom(...names), which });
const version = fc.constantFrom<HttpVersion>('http1', 'http2');
const reason = fc.constantFrom<PoolFailure>('connect', 'connect timeout', 'resolve', 'tls');
const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), version, body: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('body' as const), which, end: fc.boolean() }) },
    { weight: 8, arbitrary: kinds('open', 'open', 'answer', 'give up', 'under way') },
    { weight: 4, arbitrary: kinds('answer 500') },
    { weight: 4, arbitrary: kinds('close', 'go away', 'cut off', 'refuse') },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('fail' as const), which, reason }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'connect' as const }) },
    { weight: 2, arbitrary: kinds('connected', 'unconnected', 'disconnect') },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('endpoints' as const), which, weight: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'sweep' as const }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.nat(4000) }) },
  ),
  { maxLength: 120, size: 'max' },
);

/** A connection that keeps the contract of the codecs, with room for as many requests as its version has here. */
class ModelConnection implements ClientConnection {
  listed = false;
  requests = 0;
  draining = false;
  closed = false;
  readonly streams = new Set<ModelStream>();
  private readonly dial: TestDial;
  private readonly onRequest: (address: string) => void;

  constructor(dial: TestDial, onRequest: (address: string) => void) {
    this.dial = dial;
    this.onRequest = onRequest;
  }

  get activeStreams(): number {
    return this.streams.size;
  }

  get available(): boolean {
    return !this.draining && !this.closed && this.streams.size < (this.dial.version === 'http1' ? 1 : 2);
  }

  request(head: RequestHead, end: boolean, handler: ResponseHandler): Stream | undefined {
    if (!this.available) return undefined;
    this.requests++;
    this.onRequest(this.dial.address);
    const stream = new ModelStream(this, handler, end);
    if (head.path === '/refused-at-once') {
      handler.onReset(ErrorCode.http11Required, 'not in this protocol');
      return stream;
    }
    this.streams.add(stream);
    return stream;
  }

  drain(): void {
    this.draining = true;
    if (this.streams.size === 0) this.close();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const { handler } of [...this.streams]) handler.onReset(ErrorCode.internalError, closedUnanswered);
    this.streams.clear();
    this.dial.dialled.onClosed(this);
  }

  over(stream: ModelStream, reusable: boolean): void {
    if (!this.streams.delete(stream) || this.closed) return;
    if (!reusable && this.dial.version === 'http1') this.close();
    else if (this.draining) this.drain();
    else this.dial.dialled.onAvailable(this);
  }
}

class ModelStream implements Stream {
  private readonly connection: ModelConnection;
  readonly handler: ResponseHandler;
  body = '';
  ended: boolean;

  constructor(connection: ModelConnection, handler: ResponseHandler, ended: boolean) {
    this.connection = connection;
    this.handler = handler;
    this.ended = ended;
  }

  sendData(chunk: Uint8Array, end: boolean): void {
    this.body += Buffer.from(chunk).toString('latin1');
    this.ended ||= end;
    this.handler.onSent(chunk.length);
  }

  sendTrailers(): void {
    this.ended = true;
  }

  reset(): void {
    this.connection.over(this, false);
  }

  credit(): void {}

  answer(status = 200): void {
    const { ended } = this;
    this.connection.streams.delete(this);
    this.handler.onResponse({ status, contentLength: 0, upgrade: undefined, fields: [], marks: 0 }, true);
    this.connection.streams.add(this);
    this.connection.over(this, ended);
  }

  refuse(code: ErrorCode, reason: string): void {
    this.connection.streams.delete(this);
    this.handler.onReset(code, reason);
    this.connection.streams.add(this);
    this.connection.over(this, false);
  }
}

interface Sent {
  readonly exchange: Exchange;
  readonly client: TestClient;
  sent: string;
  ended: boolean;
}

/** A balancer, its clients and its endpoints, to which events happen. */
class World {
  private readonly finished = new Map<Exchange, number>();
  private readonly endpoints = new Set<BalancedEndpoint>();
  private readonly connections: ModelConnection[] = [];
  private readonly sent: Sent[] = [];
  private readonly opaque: ReturnType<TestBalancing['connect']>[] = [];
  private readonly balancing: TestBalancing;
  private readonly minReadyEndpoints: number;

  constructor(seed: number) {
    let state = seed;
    const clock = new FakeClock();
    clock.random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    const onFinish = (exchange: Exchange): void => {
      this.finished.set(exchange, (this.finished.get(exchange) ?? 0) + 1);
    };
    const breaker = (): Breaker => new ConsecutiveBreaker(2, backOff, clock.random);
    this.minReadyEndpoints = seed % 3;
    const { minReadyEndpoints } = this;
    this.balancing = new TestBalancing(
      { queueCapacity: 10, minReadyEndpoints, breaker: seed % 2 === 0 ? undefined : breaker },
      [{ onFinish }],
      clock,
    );
    this.replace(3, 0);
  }

  happen(event: Event): void {
    const { balancing } = this;
    if (event.kind === 'send') this.send(event.version, event.body);
    else if (event.kind === 'time') balancing.clock.advance(event.ms);
    else if (event.kind === 'sweep') balancing.balancer.sweep();
    else if (event.kind === 'connect') this.opaque.push(balancing.connect());
    else if (event.kind === 'endpoints') this.replace(event.which, event.weight);
    else if (event.kind === 'body') this.sendBody(event.which, event.end);
    else if (event.kind === 'fail') take(balancing.dials, event.which)?.dialled.onDialFailed(event.reason, 'no');
    else this.happenTo(event.kind, event.which);
    for (const endpoint of balancing.balancer.endpoints.values()) this.endpoints.add(endpoint);
    for (const endpoint of this.endpoints) {
      expect(endpoint.ewma.inFlight).toBeGreaterThanOrEqual(0);
      expect(endpoint.openTcp).toBeGreaterThanOrEqual(0);
    }
  }

  /** Nothing happens any more but time: whatever waits is over by its own deadline. */
  expectNoWaitWithoutEnd(): void {
    this.balancing.clock.advance(300_000);
    expect(this.balancing.balancer.waiting).toBe(0);
    for (const { exchange } of this.sent)
      expect(exchange.finished || exchange.attempt?.upstream !== undefined).toBe(true);
  }

  /** All ends: nothing is left of it. */
  expectNothingLeft(): void {
    const { balancing } = this;
    balancing.balancer.close();
    for (const dial of balancing.dials.splice(0)) dial.dialled.onDialFailed('connect', 'no');
    for (const dial of balancing.tcpDials.splice(0)) dial.failed('connect');
    for (const opaque of this.opaque.splice(0)) opaque.close();
    for (const connection of this.connections) {
      for (const stream of [...connection.streams]) stream.answer();
      expect(connection.closed).toBe(true);
    }
    for (const { exchange, sent, client } of this.sent) {
      expect(this.finished.get(exchange)).toBe(1);
      expect(client.credited).toBeLessThanOrEqual(sent.length);
    }
    for (const endpoint of this.endpoints) expect([endpoint.ewma.inFlight, endpoint.openTcp]).toEqual([0, 0]);
    expect(balancing.side.keptBytes.used).toBe(0);
    expect(balancing.balancer.waiting).toBe(0);
    expect(balancing.side.deadlines.armed).toBe(0);
  }

  private send(version: HttpVersion, body: boolean): void {
    this.sent.push({ ...this.balancing.send(version, !body), sent: '', ended: !body });
  }

  private sendBody(which: number, end: boolean): void {
    const open = this.sent.filter(({ ended }) => !ended);
    const sent = open[which % open.length];
    if (sent === undefined) return;
    sent.ended = end;
    const chunk = `${which},`;
    sent.sent += chunk;
    sent.exchange.onData(Buffer.from(chunk), end);
  }

  private replace(which: number, weight: number): void {
    const infos = ['1', '2', '3', '4'].filter((_, i) => (which & (1 << i)) !== 0);
    const changes = { weight: 1 + weight, http2: (which & 16) !== 0 };
    this.balancing.balancer.replace(
      'web',
      infos.map((last) => endpointAt(`10.0.0.${last}`, changes)),
    );
  }

  private happenTo(kind: Exclude<Event['kind'], 'send'>, which: number): void {
    const { dials, tcpDials } = this.balancing;
    const open = this.connections.filter(({ closed }) => !closed);
    const connection = open[which % open.length];
    const streams = open.flatMap((each) => [...each.streams]);
    const stream = streams[which % streams.length];
    const running = this.sent.filter(({ exchange }) => !exchange.finished);
    if (kind === 'open') this.open(take(dials, which));
    else if (kind === 'under way') dials[which % dials.length]?.dialled.onUnderWay();
    else if (kind === 'close') connection?.close();
    else if (kind === 'go away') connection?.drain();
    else if (kind === 'answer') stream?.answer();
    else if (kind === 'answer 500') this.answerBadly(stream);
    else if (kind === 'refuse') stream?.refuse(ErrorCode.refusedStream, 'not looked at');
    else if (kind === 'cut off') stream?.refuse(ErrorCode.internalError, closedUnanswered);
    else if (kind === 'give up') {
      const given = running[which % running.length];
      if (given === undefined) return;
      given.ended = true;
      given.exchange.onReset(ErrorCode.cancel, 'the client has gone');
    } else if (kind === 'connected') take(tcpDials, which)?.connected();
    else if (kind === 'unconnected') take(tcpDials, which)?.failed('connect');
    else if (kind === 'disconnect')
      take(
        this.opaque.filter(({ told }) => told[0] === 'connected'),
        which,
      )?.close();
  }

  /** An endpoint that is ready stays so, whatever it answers, when too few would be left. */
  private answerBadly(stream: ModelStream | undefined): void {
    const { balancer } = this.balancing;
    const ready = [...balancer.endpoints.values()].filter(({ state }) => state === 'ready');
    stream?.answer(500);
    if (ready.some(({ state }) => state === 'ejected')) {
      expect(balancer.readyCount).toBeGreaterThanOrEqual(this.minReadyEndpoints);
    }
  }

  /** One that its breaker holds back gets nothing but its probe. */
  private expectMayBeAsked(address: string): void {
    expect(['ejected', 'probation']).not.toContain(this.balancing.balancer.endpoints.get(`${address}:80`)?.state);
  }

  private open(dial: TestDial | undefined): void {
    if (dial === undefined) return;
    const connection = new ModelConnection(dial, (address) => this.expectMayBeAsked(address));
    this.connections.push(connection);
    dial.dialled.onConnected(connection);
  }
}

function take<T>(from: T[], which: number): T | undefined {
  return from.splice(which % from.length, 1)[0];
}

it('whatever happens, each request is over exactly once and in time, and nothing of it is left', () => {
  fc.assert(
    fc.property(fc.nat(), events, (seed, happened) => {
      const world = new World(seed);
      for (const event of happened) world.happen(event);
      world.expectNoWaitWithoutEnd();
      world.expectNothingLeft();
    }),
    { numRuns: 150 },
  );
});
