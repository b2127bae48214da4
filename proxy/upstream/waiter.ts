import { Deadline } from '../timer-wheel.ts';
import type { ClientConnection } from '../wire/stream.ts';

/**
 * Why a request got no connection; `resolve`: the endpoint's name has no address; `loop`: it leads to this proxy itself;
 * `timeout`: none came free in time.
 */
export type PoolFailure =
  | 'resolve'
  | 'loop'
  | 'connect'
  | 'connect timeout'
  | 'tls'
  | 'overflow'
  | 'timeout'
  | 'closed';

/** What a waiter waits in. */
interface WaitedFor {
  /** Its time is over. */
  expire(waiter: Waiter): void;
  /** Its request is gone. */
  cancel(waiter: Waiter): void;
}

/** A request that waits for a connection, for as long as its deadline lets it. */
export abstract class Waiter extends Deadline {
  /** Neighbours among those that wait in a pool; the pool's. */
  before: Waiter | undefined = undefined;
  behind: Waiter | undefined = undefined;
  pool: WaitedFor | undefined = undefined;
  /** How long it has been let wait beyond its time; the pool's. */
  extendedMs = 0;

  /** May take the connection, or not; then it must see to itself. */
  abstract onConnection(connection: ClientConnection): void;
  /** It will get none. `detail` says what happened. */
  abstract onPoolFailure(reason: PoolFailure, detail: string): void;

  override onDeadline(): void {
    this.pool?.expire(this);
  }

  /** Its request is gone. */
  cancel(): void {
    this.pool?.cancel(this);
  }
}

/** What waits in a pool, in the order in which it came. It allocates nothing: the waiters are the links. */
export class WaiterList {
  first: Waiter | undefined = undefined;
  private last: Waiter | undefined = undefined;
  size = 0;

  push(waiter: Waiter): void {
    waiter.before = this.last;
    if (this.last === undefined) this.first = waiter;
    else this.last.behind = waiter;
    this.last = waiter;
    this.size++;
  }

  /** Takes one out that is in this list: it waits in no pool any more. */
  remove(waiter: Waiter): void {
    const { before, behind } = waiter;
    if (before === undefined) this.first = behind;
    else before.behind = behind;
    if (behind === undefined) this.last = before;
    else behind.before = before;
    waiter.before = undefined;
    waiter.behind = undefined;
    waiter.pool = undefined;
    this.size--;
  }
}
