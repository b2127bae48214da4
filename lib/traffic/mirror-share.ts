import { percent, refuse, whole } from './checks.ts';

/** Which part of the requests is copied. */
export class MirrorShare {
  /** All of them. */
  static all(): MirrorShare {
    return new MirrorShare({});
  }

  /** So many of a hundred, in whole numbers. */
  static percent(value: number): MirrorShare {
    if (!Number.isInteger(percent('percent', value))) {
      refuse('percent', value, 'must be a whole number: MirrorShare.fraction says finer shares');
    }
    return new MirrorShare({ percent: value });
  }

  /** `numerator` of each `denominator` requests. */
  static fraction(numerator: number, denominator: number): MirrorShare {
    whole('denominator', denominator, 1, 2 ** 31 - 1);
    whole('numerator', numerator, 0, denominator);
    return new MirrorShare({ fraction: { numerator, denominator } });
  }

  /** @internal */
  readonly _fields: {
    readonly percent?: number;
    readonly fraction?: { readonly numerator: number; readonly denominator: number };
  };

  private constructor(fields: MirrorShare['_fields']) {
    this._fields = fields;
  }
}
