import { type TapEvent, TapEvent_ProxyDirection } from '../../api/gen/tap_pb.js';
import { ipText } from '../../api/ip-text.ts';
import { grpcServerFailures } from '../../lib/contract/grpc-statuses.ts';
import { formatTable } from '../table.ts';
import { methodText, microseconds } from './render.ts';

/** What rows are sorted by. */
export const topOrders = ['count', 'best', 'worst', 'last', 'success'] as const;
export type TopOrder = (typeof topOrders)[number];

interface Row {
  /** Told by the sidecar of the server. */
  readonly inbound: boolean;
  readonly source: string;
  readonly destination: string;
  readonly method: string;
  readonly path: string;
  readonly route: string;
  count: number;
  /** In microseconds, from the request's head to the end of its response. */
  bestUs: number;
  worstUs: number;
  lastUs: number;
  successes: number;
}

/** A request of which the end has not come. */
interface Open {
  readonly row: Omit<Row, 'count' | 'bestUs' | 'worstUs' | 'lastUs' | 'successes'>;
  status: number;
}

/** Paths may be as many as there are requests. */
const maxRows = 1000;
const maxOpen = 10_000;

/**
 * Requests that have ended, by who asked whom for what. Where the sidecars of both ends are asked, each request is told
 * twice: those of the client count, which know the route and all that it waited for.
 */
export class TopTable {
  private readonly rows = new Map<string, Row>();
  private readonly open = new Map<string, Open>();
  private readonly hideSources: boolean;
  /** Requests that found no place, since there were too many rows. */
  leftOut = 0;

  constructor({ hideSources = false }: { hideSources?: boolean } = {}) {
    this.hideSources = hideSources;
  }

  get size(): number {
    return this.rows.size;
  }

  add(event: TapEvent): void {
    const part = event.event.case === 'http' ? event.event.value.event : undefined;
    if (part?.case === undefined || part.case === 'body') return;
    const { base, stream } = part.value.id ?? { base: 0, stream: 0n };
    const id = `${base}:${stream}`;
    if (part.case === 'requestInit') {
      // A request of which nothing more came gives way to a new one.
      if (this.open.size >= maxOpen) this.open.delete(this.open.keys().next().value as string);
      const row = {
        inbound: event.proxyDirection === TapEvent_ProxyDirection.INBOUND,
        source: whose(event.source, event.sourceMeta),
        destination: whose(event.destination, event.destinationMeta),
        method: methodText(part.value.method),
        path: part.value.path,
        route: event.routeMeta?.labels['route'] ?? '',
      };
      this.open.set(id, { row, status: 0 });
      return;
    }
    const open = this.open.get(id);
    if (open === undefined) return;
    if (part.case === 'responseInit') {
      open.status = part.value.httpStatus;
      return;
    }
    this.open.delete(id);
    const { eos, sinceRequestInit } = part.value;
    const isFailure =
      open.status >= 500 ||
      eos?.end.case === 'resetErrorCode' ||
      (eos?.end.case === 'grpcStatusCode' && grpcServerFailures.has(eos.end.value));
    this.count(open.row, microseconds(sinceRequestInit), !isFailure);
  }

  /** The rows as lines of text, `most` of them; all without. */
  text(order: TopOrder, most = maxRows): string {
    const cells = this.sorted(order)
      .slice(0, most)
      .map((row) => [
        ...(this.hideSources ? [] : [row.source]),
        row.destination,
        row.method,
        row.path,
        row.route === '' ? '-' : row.route,
        `${row.count}`,
        duration(row.bestUs),
        duration(row.worstUs),
        duration(row.lastUs),
        `${((row.successes / row.count) * 100).toFixed(2)}%`,
      ]);
    const ends = this.hideSources ? ['DESTINATION'] : ['SOURCE', 'DESTINATION'];
    const header = [...ends, 'METHOD', 'PATH', 'ROUTE', 'COUNT', 'BEST', 'WORST', 'LAST', 'SUCCESS'];
    return formatTable(header, cells, header.length - 5);
  }

  private count(of: Open['row'], us: number, success: boolean): void {
    const key = Object.values(of).join('\0');
    let row = this.rows.get(key);
    if (row === undefined) {
      if (this.rows.size >= maxRows) {
        this.leftOut++;
        return;
      }
      row = { ...of, count: 0, bestUs: us, worstUs: us, lastUs: us, successes: 0 };
      this.rows.set(key, row);
    }
    row.count++;
    row.bestUs = Math.min(row.bestUs, us);
    row.worstUs = Math.max(row.worstUs, us);
    row.lastUs = us;
    if (success) row.successes++;
  }

  /** Each request once, and without sources where they are hidden. */
  private shown(): Row[] {
    const all = [...this.rows.values()];
    const call = ({ source, destination, method, path }: Row): string => [source, destination, method, path].join('\0');
    const told = new Set(all.filter(({ inbound }) => !inbound).map(call));
    const once = all.filter((row) => !row.inbound || !told.has(call(row)));
    if (!this.hideSources) return once;
    const merged = new Map<string, Row>();
    for (const row of once) {
      const key = [row.destination, row.method, row.path, row.route].join('\0');
      const before = merged.get(key);
      merged.set(key, before === undefined ? { ...row } : sumOf(before, row));
    }
    return [...merged.values()];
  }

  /** The most, the slowest and the least successful first. */
  private sorted(order: TopOrder): Row[] {
    const by: Readonly<Record<TopOrder, (row: Row) => number>> = {
      count: ({ count }) => count,
      best: ({ bestUs }) => bestUs,
      worst: ({ worstUs }) => worstUs,
      last: ({ lastUs }) => lastUs,
      success: ({ successes, count }) => -successes / count,
    };
    return this.shown().sort((a, b) => by[order](b) - by[order](a));
  }
}

const sumOf = (a: Row, b: Row): Row => ({
  ...a,
  count: a.count + b.count,
  bestUs: Math.min(a.bestUs, b.bestUs),
  worstUs: Math.max(a.worstUs, b.worstUs),
  successes: a.successes + b.successes,
});

/** The pod where it is known, else who it proved to be, else its address. */
function whose(at: TapEvent['source'], meta: TapEvent['sourceMeta']): string {
  const { pod, client_id: clientId } = meta?.labels ?? {};
  if (pod !== undefined) return pod;
  const [account, namespace] = (clientId ?? '').split('.');
  if (account !== '' && namespace !== undefined) return `${account}.${namespace}`;
  return at?.ip === undefined ? '-' : ipText(at.ip);
}

function duration(us: number): string {
  if (us < 1000) return `${us}µs`;
  return us < 1_000_000 ? `${Math.round(us / 1000)}ms` : `${(us / 1_000_000).toFixed(1)}s`;
}
