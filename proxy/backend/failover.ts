import type { Clock } from '../clock.ts';
import type { Alternatives, Attempt } from '../exchange/attempt.ts';
import type { Preference, ReadyCount } from '../resilience/preference.ts';
import type { Backend } from './backend.ts';

export interface PreferredBackend {
  readonly backend: Backend;
  /** How many endpoints it is said to have, those that are not ready and not told of among them; 0 when that is not known. */
  readonly endpoints: number;
}

export interface FailoverOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Which one is in use: it may have been chosen before. */
  readonly preference: Preference;
  /** Told of each change of that, with how the backend that was left does. */
  readonly onMoved: (from: number, to: number, left: ReadyCount) => void;
}

/**
 * Sends all to one of several backends: to the first, or while too few of its endpoints are ready, to the next. Those that
 * are preferred to the one in use are watched meanwhile: their endpoints are tried in the background, and one that a
 * circuit breaker has on probation gets the request that it needs to come back.
 *
 * A try that waits in vain for an endpoint goes to the backend that is chosen then: nothing of it was sent.
 */
export class Failover implements Backend, Alternatives {
  private readonly members: readonly Member[];
  private readonly options: FailoverOptions;

  /** `backends` has one at least. */
  constructor(backends: readonly PreferredBackend[], options: FailoverOptions) {
    this.members = backends.map((each) => new Member(each));
    this.options = options;
  }

  get isAvailable(): boolean {
    return this.members.some(({ backend }) => backend.isAvailable);
  }

  send(attempt: Attempt): void {
    const chosen = this.choose();
    const { members } = this;
    let to = chosen;
    for (let i = 0; i < chosen; i++) {
      const { health } = members[i].backend;
      health?.keepTrying(attempt);
      // One that has failed before is better off where requests succeed.
      if (health?.wantsProbe && attempt.exchange.attempts === 1 && i < to) to = i;
    }
    this.give(attempt, to);
  }

  sendElsewhere(attempt: Attempt): boolean {
    if (attempt.detours >= this.members.length - 1) return false;
    const chosen = this.choose();
    if (chosen === attempt.wentTo) return false;
    attempt.detours++;
    attempt.startOver();
    this.give(attempt, chosen);
    return true;
  }

  private give(attempt: Attempt, to: number): void {
    attempt.alternatives = this;
    attempt.wentTo = to;
    this.members[to].backend.send(attempt);
  }

  private choose(): number {
    const { preference, clock, onMoved } = this.options;
    const before = preference.current;
    const chosen = preference.choose(this.members, clock.nowMs());
    if (chosen !== before) onMoved(before, chosen, this.members[before]);
    return chosen;
  }
}

/** One of the backends, and how many of its endpoints are ready. */
class Member implements ReadyCount {
  readonly backend: Backend;
  private readonly endpoints: number;

  constructor({ backend, endpoints }: PreferredBackend) {
    this.backend = backend;
    this.endpoints = endpoints;
  }

  /** Before anything is known of it, it is worth a wait. */
  get ready(): number {
    const { health } = this.backend;
    if (health === undefined) return 0;
    return health.isKnown ? health.ready : Math.max(1, this.endpoints);
  }

  get total(): number {
    const { health } = this.backend;
    return Math.max(health?.total ?? 0, this.endpoints);
  }
}
