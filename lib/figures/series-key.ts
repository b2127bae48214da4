/**
 * A number that stands for a series: 53 bits of a hash of its name and labels as they are written. A sidecar's series are
 * some thousand, so that two of them share one in a mesh of a million sidecars less than once; who makes them share one
 * by intent changes its own figures, which it could have told wrong anyway. The text itself would be forty times as much.
 */
export function seriesKey(line: string): number {
  const end = seriesEnd(line);
  let [low, high] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < end; i++) {
    const code = line.charCodeAt(i);
    low = Math.imul(low ^ code, 0x9e3779b1);
    high = Math.imul(high ^ code, 0x5f356495);
  }
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
}

/** Where the value begins: behind the labels, or behind the name where there are none. */
function seriesEnd(line: string): number {
  const labels = line.lastIndexOf('}');
  return labels >= 0 ? labels + 1 : line.search(/\s/);
}
