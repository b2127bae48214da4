import { exemplarMark } from '../telemetry/exemplar.ts';
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
  /** The latest exemplar of a series, as it is written behind its value; undefined while none of the family has any. */
  exemplars: Map<string, string> | undefined;
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
    for (const { head, series, exemplars } of this.families.values()) {
      yield `${head.join('\n')}\n`;
      for (const [name, value] of series) yield `${name} ${value}${exemplars?.get(name) ?? ''}\n`;
    }
  }

  private head(line: string): Family {
    const [, keyword, name] = line.split(' ', 3);
    let family = this.families.get(name);
    if (family === undefined) {
      family = { head: [], series: new Map(), exemplars: undefined, merge: mergeOf(name) };
      this.families.set(name, family);
    }
    if (!family.head.some((head) => head.startsWith(`# ${keyword} `))) family.head.push(line);
    return family;
  }
}

function addSample(family: Family, line: string): void {
  const { series, merge } = family;
  const end = line.indexOf(exemplarMark);
  const space = end < 0 ? line.lastIndexOf(' ') : line.lastIndexOf(' ', end - 1);
  if (space < 0) return;
  const name = line.slice(0, space);
  const value = Number(end < 0 ? line.slice(space + 1) : line.slice(space + 1, end));
  if (end >= 0) addExemplar(family, name, line.slice(end));
  const before = series.get(name);
  series.set(name, before === undefined ? value : merge(before, value));
}

function addExemplar(family: Family, name: string, exemplar: string): void {
  family.exemplars ??= new Map();
  const before = family.exemplars.get(name);
  if (before === undefined || secondsOf(before) < secondsOf(exemplar)) family.exemplars.set(name, exemplar);
}

const secondsOf = (exemplar: string): number => Number(exemplar.slice(exemplar.lastIndexOf(' ') + 1));

function mergeOf(family: string): Family['merge'] {
  if (smallest.has(family)) return Math.min;
  return same.has(family) ? Math.max : (a, b) => a + b;
}
