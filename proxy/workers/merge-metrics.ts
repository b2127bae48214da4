/** Families of which the smallest value says more than the sum: the oldest start, the certificate that ends first. */
const smallest: ReadonlySet<string> = new Set([
  'process_start_time_seconds',
  'control_identity_cert_expiration_timestamp_seconds',
  'control_identity_cert_refresh_timestamp_seconds',
  'identity_cert_expiration_timestamp_seconds',
  'identity_cert_refresh_timestamp_seconds',
]);
/** Families that say the same in each worker, or nearly: each knows the same endpoints, and connects to them itself. */
const same: ReadonlySet<string> = new Set(['proxy_build_info', 'outbound_http_balancer_endpoints']);

interface Family {
  readonly head: string[];
  /** Value by series: name and labels as they are written. */
  readonly series: Map<string, number>;
  readonly merge: (a: number, b: number) => number;
}

/**
 * Scrapes of several workers as that of one proxy: series with the same labels are added up. Takes the exposition
 * format as `MetricsRegistry` writes it: each sample behind its family's HELP and TYPE, without timestamps.
 */
export function mergeMetrics(texts: readonly string[]): string {
  if (texts.length === 1) return texts[0];
  const families = new Map<string, Family>();
  for (const text of texts) {
    let family: Family | undefined;
    for (const line of text.split('\n')) {
      if (line === '') continue;
      if (line.startsWith('# ')) {
        const [, keyword, name] = line.split(' ', 3);
        const known = families.get(name);
        family = known ?? { head: [], series: new Map(), merge: mergeOf(name) };
        if (known === undefined) families.set(name, family);
        if (!family.head.some((head) => head.startsWith(`# ${keyword} `))) family.head.push(line);
        continue;
      }
      const space = line.lastIndexOf(' ');
      if (family === undefined || space < 0) continue;
      const series = line.slice(0, space);
      const value = Number(line.slice(space + 1));
      const before = family.series.get(series);
      family.series.set(series, before === undefined ? value : family.merge(before, value));
    }
  }
  const lines: string[] = [];
  for (const { head, series } of families.values()) {
    lines.push(...head);
    for (const [name, value] of series) lines.push(`${name} ${value}`);
  }
  return `${lines.join('\n')}\n`;
}

function mergeOf(family: string): Family['merge'] {
  if (smallest.has(family)) return Math.min;
  return same.has(family) ? Math.max : (a, b) => a + b;
}
