import { inPieces } from '../telemetry/pieces.ts';

/** Families of which the smallest value says more than the sum: the oldest start, the certificate that ends first. */
const smallest: ReadonlySet<string> = new Set([
  'process_start_time_seconds',
  'control_identity_cert_expiration_timestamp_seconds',
  'control_identity_cert_refresh_timestamp_seconds',
  'identity_cert_expiration_timestamp_seconds',
  'identity_cert_refresh_timestamp_seconds',
]);
/** Families that say the same in each worker, or nearly: each knows the same endpoints, and connects to them itself. */
const same: ReadonlySet<string> = new Set([
  'proxy_build_info',
  ...['http', 'tcp'].flatMap((protocol) =>
    ['endpoints', 'p2c_endpoints', 'queue_gate_timeout_seconds'].map((name) => `outbound_${protocol}_balancer_${name}`),
  ),
]);

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
export class MergedMetrics {
  private readonly families = new Map<string, Family>();

  /** Takes what one worker said: its pieces, of whole lines, in their order. */
  source(): (piece: string) => void {
    let family: Family | undefined;
    return (piece) => {
      for (const line of piece.split('\n')) {
        if (line.startsWith('# ')) family = this.head(line);
        else if (line !== '' && family !== undefined) addSample(family, line);
      }
    };
  }

  pieces(): Generator<string, void> {
    return inPieces(this.lines());
  }

  private *lines(): Iterable<string> {
    for (const { head, series } of this.families.values()) {
      yield `${head.join('\n')}\n`;
      for (const [name, value] of series) yield `${name} ${value}\n`;
    }
  }

  private head(line: string): Family {
    const [, keyword, name] = line.split(' ', 3);
    let family = this.families.get(name);
    if (family === undefined) {
      family = { head: [], series: new Map(), merge: mergeOf(name) };
      this.families.set(name, family);
    }
    if (!family.head.some((head) => head.startsWith(`# ${keyword} `))) family.head.push(line);
    return family;
  }
}

function addSample({ series, merge }: Family, line: string): void {
  const space = line.lastIndexOf(' ');
  if (space < 0) return;
  const name = line.slice(0, space);
  const value = Number(line.slice(space + 1));
  const before = series.get(name);
  series.set(name, before === undefined ? value : merge(before, value));
}

function mergeOf(family: string): Family['merge'] {
  if (smallest.has(family)) return Math.min;
  return same.has(family) ? Math.max : (a, b) => a + b;
}
