import { describe, expect, it } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { TimerWheel } from '../timer-wheel.ts';
import type { ClientConnection } from '../wire/stream.ts';
import { ConnectionPool, type Dialled, type PoolOwner } from './connection-pool.ts';
import { type PoolFailure, Waiter } from './waiter.ts';

/** A connection that takes `capacity` requests at a time. */
class FakeConnection implements ClientConnection {
  activeStreams = 0;
  listed = false;
  requests = 0;
  drained = false;
  readonly toldMs: number[] = [];
  readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get available(): boolean {
    return !this.drained && this.activeStreams < this.capacity;
  }
  get draining(): boolean {
    return this.drained;
  }
  request(): undefined {
    return undefined;
  }
  drain(): void {
    this.drained = true;
  }
  close(): void {}
  checkDeadlines(nowMs: number): void {
    this.toldMs.push(nowMs);
  }
}

class TestWaiter extends Waiter {
  private readonly take: (connection: ClientConnection) => void;
  private readonly failed: (reason: PoolFailure) => void;

  constructor(take: (connection: ClientConnection) => void, failed: (reason: PoolFailure) => void) {
    super();
    this.take = take;
    this.failed = failed;
  }

  override onConnection(connection: ClientConnection): void {
    this.take(connection);
  }

  override onPoolFailure(reason: PoolFailure): void {
    this.failed(reason);
  }
}

function poolOf(capacity: number, limits: { maxConnections?: number; maxWaiters?: number } = {}) {
  const dials: Dialled[] = [];
  const clock = new FakeClock();
  const deadlines = new TimerWheel(clock);
  const owner: PoolOwner = { onConnected: () => {}, onDialFailed: () => {}, onClosed: () => {}, hasOthers: false };
  const pool = new ConnectionPool({
    dial: (dialled) => void dials.push(dialled),
    deadlines,
    owner,
    maxWaitMs: 1000,
    maxConnections: limits.maxConnections ?? 10,
    maxWaiters: limits.maxWaiters ?? 10,
    requestsPerConnection: capacity,
  });
  const given: FakeConnection[] = [];
  const failures: PoolFailure[] = [];
  const waiters: Waiter[] = [];
  const ask = (): void => {
    const connection = pool.acquire() as FakeConnection | undefined;
    const take = (taken: ClientConnection): void => {
      (taken as FakeConnection).activeStreams++;
      given.push(taken as FakeConnection);
    };
    if (connection !== undefined) take(connection);
    else {
      const waiter = new TestWaiter(take, (reason) => failures.push(reason));
      waiters.push(waiter);
      pool.wait(waiter);
    }
  };
  const free = (connection: FakeConnection): void => {
    connection.activeStreams--;
    pool.onAvailable(connection);
  };
  return { pool, dials, given, failures, waiters, ask, free, clock, deadlines };
}

it('connections that only let their streams end take no place of new ones, and are waited for by nobody', () => {
  const { pool, dials, given, failures, ask } = poolOf(2, { maxConnections: 2 });
  for (let i = 0; i < 4; i++) {
    ask();
    pool.onConnected(new FakeConnection(2));
    given.at(-1)!.drain();
  }
  expect([pool.size, pool.lasting, dials.length]).toEqual([4, 0, 4]);
  ask();
  pool.onDialFailed('connect', 'it said no');
  expect([dials.length, failures, pool.waiters]).toEqual([5, ['connect'], 0]);
});

describe('a pool of HTTP/1 connections', () => {
  it('opens one for each request that waits, and reuses the one that was used last', () => {
    const { pool, dials, given, ask, free } = poolOf(1);
    ask();
    ask();
    expect(dials).toHaveLength(2);
    const [a, b] = [new FakeConnection(1), new FakeConnection(1)];
    pool.onConnected(a);
    pool.onConnected(b);
    expect(given).toEqual([a, b]);
    free(a);
    free(b);
    ask();
    expect([given.at(-1), dials.length]).toEqual([b, 2]);
  });

  it('a sweep closes what was not used since the last, and leaves the rest', () => {
    const { pool, ask, free } = poolOf(1);
    const [a, b] = [new FakeConnection(1), new FakeConnection(1)];
    ask();
    ask();
    pool.onConnected(a);
    pool.onConnected(b);
    free(a);
    free(b);
    pool.sweep();
    expect([a.drained, b.drained]).toEqual([false, false]);
    ask();
    free(b);
    pool.sweep();
    expect([a.drained, b.drained]).toEqual([true, false]);
  });

  it('has no more than its limit; requests wait, and those beyond their limit are told', () => {
    const { pool, dials, failures, given, ask, free } = poolOf(1, { maxConnections: 1, maxWaiters: 2 });
    for (let i = 0; i < 3; i++) ask();
    expect([dials.length, failures]).toEqual([1, ['overflow']]);
    const only = new FakeConnection(1);
    pool.onConnected(only);
    free(only);
    expect(given).toEqual([only, only]);
  });

  it('a connection that closes makes room for another', () => {
    const { pool, dials, ask } = poolOf(1, { maxConnections: 1 });
    ask();
    const first = new FakeConnection(1);
    pool.onConnected(first);
    ask();
    expect(dials).toHaveLength(1);
    pool.onClosed(first);
    expect([dials.length, pool.size]).toEqual([2, 0]);
  });
});

describe('a pool of HTTP/2 connections', () => {
  it('carries many requests on one connection, and opens another when its streams have run out', () => {
    const { pool, dials, given, ask } = poolOf(3);
    for (let i = 0; i < 3; i++) ask();
    expect(dials).toHaveLength(1);
    const first = new FakeConnection(3);
    pool.onConnected(first);
    expect(given).toEqual([first, first, first]);
    ask();
    expect(dials).toHaveLength(2);
  });

  it('a sweep closes what nothing used since the last, and what was only there for a peak', () => {
    const { pool, ask, free } = poolOf(2);
    for (let i = 0; i < 3; i++) ask();
    const [a, b] = [new FakeConnection(2), new FakeConnection(2)];
    pool.onConnected(a);
    pool.onConnected(b);
    free(a);
    free(a);
    pool.sweep();
    // b carries a request, and a is the spare one.
    expect([a.drained, b.drained]).toEqual([true, false]);
    free(b);
    pool.sweep();
    expect(b.drained).toBe(true);
  });

  it('goes back to a connection that has streams again', () => {
    const { pool, given, ask, free } = poolOf(1, { maxConnections: 1 });
    ask();
    const only = new FakeConnection(1);
    pool.onConnected(only);
    ask();
    expect(given).toHaveLength(1);
    free(only);
    expect(given).toHaveLength(2);
  });
});

it('tells every open connection the time, so that what its peer stalls does not wait for ever', () => {
  const { pool, ask } = poolOf(3);
  ask();
  const connection = new FakeConnection(3);
  pool.onConnected(connection);
  pool.checkDeadlines(7000);
  pool.onClosed(connection);
  pool.checkDeadlines(10_000);
  expect(connection.toldMs).toEqual([7000]);
});

describe('a dial that fails', () => {
  it('fails no request that another connection, open or opening, may still take', () => {
    const { pool, failures, given, ask, free } = poolOf(1);
    ask();
    ask();
    pool.onDialFailed('connect timeout', '');
    expect(failures).toEqual([]);
    const only = new FakeConnection(1);
    pool.onConnected(only);
    expect(given).toEqual([only]);
    free(only);
    expect([given, failures]).toEqual([[only, only], []]);
  });

  it('fails those that wait when there is no other', () => {
    const { pool, failures, ask, deadlines } = poolOf(1);
    ask();
    ask();
    pool.onDialFailed('connect', '');
    pool.onDialFailed('connect timeout', '');
    expect(failures).toEqual(['connect timeout', 'connect timeout']);
    expect([pool.waiters, deadlines.armed]).toEqual([0, 0]);
  });
});

describe('a request that waits for a connection', () => {
  it('waits no longer than it may', () => {
    const { failures, ask, clock, pool, deadlines } = poolOf(1, { maxConnections: 1 });
    ask();
    pool.onConnected(new FakeConnection(1));
    ask();
    clock.advance(990);
    expect(failures).toEqual([]);
    clock.advance(20);
    expect([failures, pool.waiters, deadlines.armed]).toEqual([['timeout'], 0, 0]);
  });

  it('waits on while an endpoint that took the connection has not said yet what it takes', () => {
    const { failures, given, ask, clock, pool } = poolOf(3);
    ask();
    pool.onUnderWay();
    clock.advance(5000);
    expect(failures).toEqual([]);
    pool.onConnected(new FakeConnection(3));
    expect(given).toHaveLength(1);
  });

  it('is forgotten when it is called off', () => {
    const { failures, given, ask, waiters, pool, deadlines } = poolOf(1);
    ask();
    ask();
    waiters[0].cancel();
    expect([pool.waiters, deadlines.armed]).toEqual([1, 1]);
    pool.onConnected(new FakeConnection(1));
    expect([given.length, failures, pool.waiters, deadlines.armed]).toEqual([1, [], 0, 0]);
  });
});

it('a connection is made before it is needed only when there is none', () => {
  const { pool, dials } = poolOf(3);
  pool.prepare();
  pool.prepare();
  expect(dials).toHaveLength(1);
  pool.onConnected(new FakeConnection(3));
  pool.prepare();
  expect(dials).toHaveLength(1);
});

it('draining tells those that wait, closes what is idle when it is told of, and takes nothing more', () => {
  const { pool, failures, ask } = poolOf(1);
  ask();
  pool.drain();
  const late = new FakeConnection(1);
  pool.onConnected(late);
  ask();
  expect([failures, late.drained]).toEqual([['closed', 'closed'], true]);
});
