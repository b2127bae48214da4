import type { Attempt } from '../../exchange/attempt.ts';
import type { Exchange } from '../../exchange/exchange.ts';
import type { Tries } from '../../exchange/plan.ts';
import type { ProxyFailure } from '../../exchange/proxy-failure.ts';
import type { RuleTimeouts } from '../../model/tries.ts';
import type { Field } from '../../wire/field.ts';
import type { ResponseHead } from '../../wire/stream.ts';
import { Retries, type Retrying } from './retries.ts';
import { Timeouts } from './timeouts.ts';

/** The tries of an exchange whose rule has timeouts, retries or both. */
class RuleTries implements Tries {
  private readonly timeouts: Timeouts | undefined;
  private readonly retries: Retries | undefined;

  constructor(timeouts: Timeouts | undefined, retries: Retries | undefined) {
    this.timeouts = timeouts;
    this.retries = retries;
  }

  onTry(attempt: Attempt): void {
    this.retries?.onTry(attempt);
  }

  onRequestEnd(): void {
    this.timeouts?.onRequestEnd();
  }

  onResponse(attempt: Attempt, head: ResponseHead, end: boolean): 'pass' | 'withhold' | 'again' {
    return this.retries?.onResponse(attempt, head, end) ?? 'pass';
  }

  onTrailers(attempt: Attempt, trailers: readonly Field[]): 'pass' | 'again' {
    return this.retries?.onTrailers(attempt, trailers) ?? 'pass';
  }

  onFailure(attempt: Attempt, failure: ProxyFailure): 'pass' | 'again' {
    return this.retries?.onFailure(attempt, failure) ?? 'pass';
  }

  over(): void {
    this.timeouts?.over();
    this.retries?.over();
  }
}

/** What makes the tries of each exchange of a rule; undefined where the rule has neither timeouts nor retries. */
export function triesOf(
  timeouts: RuleTimeouts | undefined,
  retrying: Retrying | undefined,
): ((exchange: Exchange) => Tries) | undefined {
  if (timeouts === undefined && retrying === undefined) return undefined;
  return (exchange) =>
    new RuleTries(timeouts && new Timeouts(exchange, timeouts), retrying && new Retries(exchange, retrying));
}
