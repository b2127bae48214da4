import type { RequestHead } from '../wire/stream.ts';
import type { Answer, Random, RequestFilter } from './filter.ts';

/** A share of the requests; `denominator` is above 0, and a share of 1 or more is all of them. */
export interface Ratio {
  readonly numerator: number;
  readonly denominator: number;
}

const hits = ({ numerator, denominator }: Ratio, random: Random): boolean => random() * denominator < numerator;

/** Answers a share of the requests, or all of them, with a failure. */
export class FailureInjector implements RequestFilter {
  private readonly answer: Answer;
  private readonly ratio: Ratio | undefined;

  constructor(answer: Answer, ratio: Ratio | undefined) {
    this.answer = answer;
    this.ratio = ratio;
  }

  apply(head: RequestHead, random: Random): RequestHead | Answer {
    return this.ratio === undefined || hits(this.ratio, random) ? this.answer : head;
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
    return this.ratio === undefined || hits(this.ratio, random) ? this.ms : 0;
  }
}
