import type { Attempt } from '../exchange/attempt.ts';
import { failures } from '../exchange/proxy-failure.ts';
import type { Backend } from './backend.ts';

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

  send(attempt: Attempt): void {
    attempt.endWithin(this.timeoutMs, failures.tryTimeout);
    this.backend.send(attempt);
  }
}
