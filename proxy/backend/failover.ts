import type { Clock } from '../clock.ts';
import type { Attempt } from '../exchange/attempt.ts';
import { type Alternatives, startOver } from '../exchange/attempt-routing.ts';
import type { ProxyFailure } from '../exchange/proxy-failure.ts';
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
export class Failover implements Backend {
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
    attempt.alternatives = new OtherBackends(this, to);
    attempt.isProbe = to !== chosen;
    members[to].backend.send(attempt);
  }

  /** @internal the backend to go to in place of the one at `at`, by its place; undefined when there is none */
  insteadOf(at: number): number | undefined {
    const chosen = this.choose();
    return chosen === at ? undefined : chosen;
  }

  /** @internal a try that was sent nowhere yet, since `failure`, goes to the backend at `to` */
  give(attempt: Attempt, to: number, { kind }: ProxyFailure): void {
    startOver(attempt, kind);
    this.members[to].backend.send(attempt);
  }

  /** @internal how often a try may go elsewhere, so that it does not go round for ever */
  get mostDetours(): number {
    return this.members.length - 1;
  }

  private choose(): number {
    const { preference, clock, onMoved } = this.options;
    const before = preference.current;
    const chosen = preference.choose(this.members, clock.nowMs());
    if (chosen !== before) onMoved(before, chosen, this.members[before]);
    return chosen;
  }
}

/** Where a try may go that waits for one backend in vain. */
class OtherBackends implements Alternatives {
  private readonly failover: Failover;
  private at: number;
  private detours = 0;

  constructor(failover: Failover, at: number) {
    this.failover = failover;
    this.at = at;
  }

  sendElsewhere(attempt: Attempt, failure: ProxyFailure): boolean {
    if (this.detours === this.failover.mostDetours) return false;
    const to = this.failover.insteadOf(this.at);
    if (to === undefined) return false;
    this.at = to;
    this.detours++;
    this.failover.give(attempt, to, failure);
    return true;
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
