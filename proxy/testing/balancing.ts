import { Balancer } from '../backend/balancer.ts';
import type { BalancerOptions } from '../backend/balancer-options.ts';
import type { TcpWaiter } from '../backend/tcp-balancer.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { ExchangeObserver } from '../exchange/observers.ts';
import { plainPlan, type Sender } from '../exchange/plan.ts';
import { type EndpointInfo, plaintextEndpoint } from '../model/endpoint-info.ts';
import { Log } from '../telemetry/log.ts';
import { MetricsRegistry } from '../telemetry/registry.ts';
import type { Dialled } from '../upstream/connection-pool.ts';
import type { PoolFailure } from '../upstream/waiter.ts';
import type { HttpVersion, RequestHead } from '../wire/stream.ts';
import type { Connection } from '../wire/transport.ts';
import { exchangeOf, type TestClient, TestConnection, testSide } from './exchanges.ts';
import { FakeClock } from './fake-clock.ts';

/** A dial that a test lets succeed or fail. */
export interface TestDial {
  readonly address: string;
  readonly version: HttpVersion;
  readonly dialled: Dialled;
}

export interface TestTcpDial {
  readonly address: string;
  connected(): void;
  failed(reason: PoolFailure): void;
}

export const endpointAt = (address: string, changes: Partial<EndpointInfo> = {}): EndpointInfo => ({
  ...plaintextEndpoint(address, 80, 'not_provided_by_service_discovery'),
  ...changes,
});

/** A balancer whose dials and time are the test's. */
export class TestBalancing {
  readonly clock: FakeClock;
  readonly side: ReturnType<typeof testSide>;
  /** Those that nothing has come of yet. */
  readonly dials: TestDial[] = [];
  readonly tcpDials: TestTcpDial[] = [];
  dialled = 0;
  readonly balancer: Balancer;
  /** Whom requests are given to. */
  sender: Sender;

  constructor(
    changes: Partial<BalancerOptions> = {},
    observers: readonly ExchangeObserver[] = [],
    clock = new FakeClock(),
  ) {
    this.clock = clock;
    this.side = testSide(observers, clock);
    const { side } = this;
    const registry = new MetricsRegistry(() => clock.nowMs());
    this.balancer = new Balancer('web.shop:80', {
      clock,
      deadlines: side.deadlines,
      log: new Log(
        'info',
        'plain',
        () => {},
        () => new Date(0),
      ),
      dialer: {
        dialHttp: ({ info }, version, dialled) => {
          this.dialled++;
          this.dials.push({ address: info.address, version, dialled });
        },
        dialTcp: ({ info }, onConnected, onFailed) => {
          this.dialled++;
          this.tcpDials.push({
            address: info.address,
            connected: () => onConnected({} as Connection),
            failed: (reason) => onFailed(reason, 'it said no'),
          });
        },
      },
      http1OverHttp2: true,
      requestMetrics: (authority, { address }) => registry.requestMetrics({ authority, address }),
      failfastMs: 3000,
      queueCapacity: 100,
      ...changes,
    });
    this.sender = this.balancer;
  }

  /** A request of a client that speaks `version`. */
  send(
    version: HttpVersion = 'http2',
    end = true,
    head: Partial<RequestHead> = {},
  ): { exchange: Exchange; client: TestClient } {
    const sent = exchangeOf(this.side, { version, end, head, tellsWhy: true });
    sent.exchange.begin(plainPlan(this.sender));
    return sent;
  }

  /** An opaque connection: what became of it, so far. */
  connect(): { readonly told: string[]; gone: boolean; close: () => void } {
    const told: string[] = [];
    const opaque = { told, gone: false, close: () => {} };
    const waiter: TcpWaiter = {
      get gone() {
        return opaque.gone;
      },
      onConnected: (_connection, closed) => {
        told.push('connected');
        opaque.close = () => {
          opaque.close = () => {};
          closed();
        };
      },
      onFailed: (reason) => told.push(reason),
    };
    this.balancer.connect(waiter);
    return opaque;
  }

  /** The first dial, to `address` if it is given, comes to a connection. */
  succeed(address?: string): TestConnection {
    const connection = new TestConnection();
    this.take(address).dialled.onConnected(connection);
    return connection;
  }

  /** The first dial, to `address` if it is given, fails. */
  fail(reason: PoolFailure = 'connect', address?: string): void {
    this.take(address).dialled.onDialFailed(reason, 'it said no');
  }

  /** All dials fail that are under way now. */
  failAll(reason: PoolFailure = 'connect'): void {
    for (const { dialled } of this.dials.splice(0)) dialled.onDialFailed(reason, 'it said no');
  }

  private take(address: string | undefined): TestDial {
    const at = this.dials.findIndex((dial) => address === undefined || dial.address === address);
    return this.dials.splice(at, 1)[0];
  }
}
