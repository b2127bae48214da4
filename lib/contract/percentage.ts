import { type Form, longest } from './form.ts';

/** Parts of a percent that shares are told in: as fine as Envoy tells them. */
const partsOfPercent = 10_000;

/** `50%` or `0.1%`, from 0 to 100. */
export const percentage: Form<number> = {
  read: (text) => {
    if (text.length > longest.number || !/^\d{1,3}(\.\d+)?%$/.test(text)) return undefined;
    const percent = Number(text.slice(0, -1));
    return percent <= 100 ? percent : undefined;
  },
  expected: "a percentage from 0% to 100%, such as '50%' or '0.1%'",
};

/** A share in whole numbers, to a ten-thousandth of a percent; one that is above 0 stays so. */
export function ratioOfPercent(percent: number): { readonly numerator: number; readonly denominator: number } {
  const parts = Math.round(percent * partsOfPercent);
  return { numerator: percent > 0 ? Math.max(1, parts) : 0, denominator: 100 * partsOfPercent };
}
