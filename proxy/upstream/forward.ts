import type { Exchange } from '../exchange/exchange.ts';
import { failures, type ProxyFailure } from '../exchange/proxy-failure.ts';
import type { ClientConnection } from '../wire/stream.ts';
import type { ConnectionPool, PoolFailure, Waiter } from './connection-pool.ts';

const failureOf: Record<PoolFailure, ProxyFailure> = {
  connect: failures.connect,
  'connect timeout': failures.connectTimeout,
  tls: failures.identityRequired,
  overflow: failures.loadShed,
  closed: failures.connect,
};

/** Sends an exchange's request over a connection of `pool`, at once or when one is free. */
export function forward(exchange: Exchange, pool: ConnectionPool): void {
  exchange.resender = pool;
  const connection = pool.acquire();
  if (connection !== undefined && exchange.start(connection)) return;
  pool.wait(new WaitingExchange(exchange, pool));
}

class WaitingExchange implements Waiter {
  private readonly exchange: Exchange;
  private readonly pool: ConnectionPool;

  constructor(exchange: Exchange, pool: ConnectionPool) {
    this.exchange = exchange;
    this.pool = pool;
  }

  onConnection(connection: ClientConnection): void {
    if (this.exchange.finished || this.exchange.start(connection)) return;
    this.pool.wait(this);
  }

  onPoolFailure(reason: PoolFailure): void {
    this.exchange.fail(failureOf[reason]);
  }
}
