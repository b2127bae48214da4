import type { Attempt } from '../exchange/attempt.ts';
import type { ProxyFailure } from '../exchange/proxy-failure.ts';
import type { Backend } from './backend.ts';

/** Fails all that comes: it has its share of the requests, as a backend that is there would. */
export class Unusable implements Backend {
  readonly isAvailable = true;
  private readonly failure: ProxyFailure;
  private readonly detail: string | undefined;

  constructor(failure: ProxyFailure, detail: string | undefined = undefined) {
    this.failure = failure;
    this.detail = detail;
  }

  send(attempt: Attempt): void {
    attempt.fail(this.failure, this.detail);
  }
}
