import type { Clock } from '../clock.ts';
import type { Attempt } from '../exchange/attempt.ts';
import type { ConnectionPool } from '../upstream/connection-pool.ts';
import { type PoolFailure, Waiter } from '../upstream/waiter.ts';
import type { ClientConnection } from '../wire/stream.ts';

/** Who has an attempt that waits. */
interface Owner {
  start(attempt: Attempt, connection: ClientConnection, nowMs: number): boolean;
  onNoConnection(attempt: Attempt, reason: PoolFailure, detail: string): void;
}

/** A try that waits for a connection of an endpoint. */
export class WaitingAttempt extends Waiter {
  private readonly owner: Owner;
  private readonly attempt: Attempt;
  private readonly home: ConnectionPool;
  private readonly clock: Clock;

  constructor(owner: Owner, attempt: Attempt, home: ConnectionPool, clock: Clock) {
    super();
    this.owner = owner;
    this.attempt = attempt;
    this.home = home;
    this.clock = clock;
  }

  override onConnection(connection: ClientConnection): void {
    if (!this.owner.start(this.attempt, connection, this.clock.nowMs())) this.home.wait(this);
  }

  override onPoolFailure(reason: PoolFailure, detail: string): void {
    this.attempt.waitingAt = undefined;
    this.owner.onNoConnection(this.attempt, reason, detail);
  }
}
