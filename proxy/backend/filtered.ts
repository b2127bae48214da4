import type { Attempt } from '../exchange/attempt.ts';
import type { WaitingPlace } from '../exchange/attempt-routing.ts';
import { Answer, type Filters } from '../filter/filter.ts';
import { Deadline } from '../timer-wheel.ts';
import type { Backend } from './backend.ts';
import type { BackendHealth } from './endpoint-health.ts';

/** Applies the filters of a backend to each try that goes to it, and to its response. */
export class Filtered implements Backend {
  private readonly backend: Backend;
  private readonly filters: Filters;

  constructor(backend: Backend, filters: Filters) {
    this.backend = backend;
    this.filters = filters;
  }

  get isAvailable(): boolean {
    return this.backend.isAvailable;
  }

  get health(): BackendHealth | undefined {
    return this.backend.health;
  }

  send(attempt: Attempt): void {
    const { clock, deadlines } = attempt.exchange.side;
    const delayMs = this.filters.delayMs(clock.random);
    if (delayMs === 0) this.goOn(attempt);
    else {
      attempt.exchange.delayed();
      deadlines.arm(new DelayedAttempt(this, attempt), delayMs);
    }
  }

  /** @internal it has been delayed for as long as it should be */
  goOn(attempt: Attempt): void {
    const { head } = attempt;
    const filtered = this.filters.applyToRequest(head, attempt.exchange.side.clock.random);
    if (filtered instanceof Answer) {
      attempt.answer(filtered);
      return;
    }
    if (filtered !== head) attempt.filteredHead = filtered;
    if (this.filters.response.length > 0) attempt.filters = this.filters;
    this.backend.send(attempt);
  }
}

/** A try that a filter has wait. */
class DelayedAttempt extends Deadline implements WaitingPlace {
  private readonly filtered: Filtered;
  private readonly attempt: Attempt;

  constructor(filtered: Filtered, attempt: Attempt) {
    super();
    this.filtered = filtered;
    this.attempt = attempt;
    attempt.waitingAt = this;
  }

  override onDeadline(): void {
    this.attempt.waitingAt = undefined;
    this.filtered.goOn(this.attempt);
  }

  cancel(): void {
    this.attempt.exchange.side.deadlines.disarm(this);
  }
}
