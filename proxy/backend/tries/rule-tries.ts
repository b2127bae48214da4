import type { Attempt } from '../../exchange/attempt.ts';
import type { Exchange } from '../../exchange/exchange.ts';
import type { Tries } from '../../exchange/plan.ts';
import type { ProxyFailure } from '../../exchange/proxy-failure.ts';
import type { Answer } from '../../filter/filter.ts';
import type { RuleTimeouts } from '../../model/tries.ts';
import type { Field } from '../../wire/field.ts';
import type { ResponseHead } from '../../wire/stream.ts';
import { Hedges, type Hedging, mayBeHedged } from './hedge.ts';
import { Retries, type Retrying } from './retries.ts';
import { Timeouts } from './timeouts.ts';

/** The tries of an exchange whose rule has timeouts, retries or hedges. */
class RuleTries implements Tries {
  private readonly timeouts: Timeouts | undefined;
  private readonly retries: Retries | undefined;
  private readonly hedges: Hedges | undefined;

  constructor(timeouts: Timeouts | undefined, retries: Retries | undefined, hedges: Hedges | undefined) {
    this.timeouts = timeouts;
    this.retries = retries;
    this.hedges = hedges;
  }

  onTry(attempt: Attempt): void {
    this.retries?.onTry(attempt);
    this.hedges?.onTry(attempt);
  }

  onRequestEnd(): void {
    this.timeouts?.onRequestEnd();
    this.hedges?.onRequestEnd();
  }

  onResponse(attempt: Attempt, head: ResponseHead, end: boolean): 'pass' | 'withhold' | 'again' {
    const beside = this.hedges?.onResponse(attempt, head, end) ?? 'pass';
    if (beside === 'again') return beside;
    const verdict = this.retries?.onResponse(attempt, head, end) ?? 'pass';
    return verdict === 'pass' ? beside : verdict;
  }

  onTrailers(attempt: Attempt, trailers: readonly Field[]): 'pass' | 'again' {
    if (this.hedges?.onTrailers(attempt, trailers) === 'again') return 'again';
    return this.retries?.onTrailers(attempt, trailers) ?? 'pass';
  }

  onFiltered(attempt: Attempt, answer: Answer): 'pass' | 'again' {
    return this.hedges?.onFiltered(attempt, answer) ? 'again' : 'pass';
  }

  onAnswer(attempt: Attempt): void {
    this.hedges?.onAnswer(attempt);
  }

  onFailure(attempt: Attempt, failure: ProxyFailure): 'pass' | 'again' {
    if (this.hedges?.onFailure(attempt)) return 'again';
    return this.retries?.onFailure(attempt, failure) ?? 'pass';
  }

  over(): void {
    this.timeouts?.over();
    this.retries?.over();
    this.hedges?.over();
  }
}

/** What a rule says of the tries of its requests, each undefined where it says nothing. */
export interface RuleTriesOptions {
  readonly timeouts: RuleTimeouts | undefined;
  readonly retrying: Retrying | undefined;
  readonly hedging: Hedging | undefined;
}

/** What makes the tries of each exchange of a rule; undefined where the rule says nothing of them. */
export function triesOf({
  timeouts,
  retrying,
  hedging,
}: RuleTriesOptions): ((exchange: Exchange) => Tries | undefined) | undefined {
  if (timeouts === undefined && retrying === undefined && hedging === undefined) return undefined;
  return (exchange) => {
    const hedges = hedging !== undefined && mayBeHedged(exchange.head) ? new Hedges(exchange, hedging) : undefined;
    if (timeouts === undefined && retrying === undefined && hedges === undefined) return undefined;
    return new RuleTries(
      timeouts && new Timeouts(exchange, timeouts),
      retrying && new Retries(exchange, retrying),
      hedges,
    );
  };
}
