import type { Attempt } from '../exchange/attempt.ts';
import type { TryCounts } from '../exchange/counts.ts';
import type { Sender } from '../exchange/plan.ts';
import type { Backend } from './backend.ts';
import type { BackendHealth } from './endpoint-health.ts';

/** Has tries counted that are sent on. */
export class CountedSender implements Sender {
  private readonly sender: Sender;
  private readonly counts: TryCounts;

  constructor(sender: Sender, counts: TryCounts) {
    this.sender = sender;
    this.counts = counts;
  }

  send(attempt: Attempt): void {
    attempt.counts = this.counts;
    this.counts.begun();
    this.sender.send(attempt);
  }
}

/** Has the tries at a backend counted. */
export class Counted extends CountedSender implements Backend {
  private readonly backend: Backend;

  constructor(backend: Backend, counts: TryCounts) {
    super(backend, counts);
    this.backend = backend;
  }

  get isAvailable(): boolean {
    return this.backend.isAvailable;
  }

  get health(): BackendHealth | undefined {
    return this.backend.health;
  }
}
