import { injectedFault } from '../../lib/contract/faults.ts';
import type { RequestHead } from '../wire/stream.ts';
import type { Answer, Random, RequestFilter } from './filter.ts';
import { hits, type Ratio } from './ratio.ts';

/** Answers a share of the requests, or all of them, with a failure. */
export class FailureInjector implements RequestFilter {
  private readonly answer: Answer;
  private readonly ratio: Ratio | undefined;

  constructor(answer: Answer, ratio: Ratio | undefined) {
    this.answer = answer;
    this.ratio = ratio;
  }

  /** A fault that is injected forbids nothing: what goes on already may. */
  get failsAll(): boolean {
    return this.ratio === undefined && !this.answer.message.startsWith(injectedFault);
  }

  apply(head: RequestHead, random: Random): RequestHead | Answer {
    return hits(this.ratio, random) ? this.answer : head;
  }
}

/** Has a share of the requests, or all of them, wait for `ms`. */
export class Delay {
  private readonly ms: number;
  private readonly ratio: Ratio | undefined;

  constructor(ms: number, ratio: Ratio | undefined) {
    this.ms = ms;
    this.ratio = ratio;
  }

  /** How long the next request waits; 0 for not at all. */
  nextMs(random: Random): number {
    return hits(this.ratio, random) ? this.ms : 0;
  }
}
