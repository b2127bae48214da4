import type { Random } from './filter.ts';

/** A share of the requests; `denominator` is above 0, and a share of 1 or more is all of them. */
export interface Ratio {
  readonly numerator: number;
  readonly denominator: number;
}

/** Whether the next request is of the share; undefined is all of them. */
export const hits = (ratio: Ratio | undefined, random: Random): boolean =>
  ratio === undefined || random() * ratio.denominator < ratio.numerator;
