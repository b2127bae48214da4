import type { Sample } from './exposition.ts';

/**
 * The samples of one proxy between two scrapes: counters tell their increase, gauges what they are now. A counter that
 * fell was that of a process started anew.
 */
export function increases(before: readonly Sample[], after: readonly Sample[]): Sample[] {
  const old = new Map(before.map((sample) => [seriesKey(sample), sample.value]));
  return after.map((sample) => {
    if (!/_(total|bucket|count|sum)$/.test(sample.name)) return sample;
    const last = old.get(seriesKey(sample)) ?? 0;
    return { ...sample, value: sample.value < last ? sample.value : sample.value - last };
  });
}

const seriesKey = ({ name, labels }: Sample): string => `${name} ${JSON.stringify(labels)}`;
