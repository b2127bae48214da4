import type { Attempt } from '../exchange/attempt.ts';
import { endWithin } from '../exchange/attempt-deadlines.ts';
import { failures } from '../exchange/proxy-failure.ts';
import type { Backend } from './backend.ts';
import type { BackendHealth } from './endpoint-health.ts';

/** Gives each try at a backend so much time, in ms, until the end of its response. */
export class Timed implements Backend {
  private readonly backend: Backend;
  private readonly timeoutMs: number;

  constructor(backend: Backend, timeoutMs: number) {
    this.backend = backend;
    this.timeoutMs = timeoutMs;
  }

  get isAvailable(): boolean {
    return this.backend.isAvailable;
  }

  get health(): BackendHealth | undefined {
    return this.backend.health;
  }

  send(attempt: Attempt): void {
    endWithin(attempt, this.timeoutMs, failures.tryTimeout);
    this.backend.send(attempt);
  }
}
