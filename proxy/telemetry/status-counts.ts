import { grpcStatuses } from '../../lib/contract/grpc-statuses.ts';
import { sample } from './families.ts';
import { formatLabels, type Labels } from './labels.ts';

/**
 * What ended a stream where its response did not: Linkerd's words for it
 * (outbound/src/http/logical/policy/route/metrics/labels.rs).
 */
export const streamErrors = [
  '',
  'FAIL_FAST',
  'LOAD_SHED',
  'REQUEST_TIMEOUT',
  'RESPONSE_HEADERS_TIMEOUT',
  'RESPONSE_STREAM_TIMEOUT',
  'IDLE_TIMEOUT',
  'CANCEL',
  'REFUSED',
  'RESET',
  'IO',
  'UNKNOWN',
] as const;
export type StreamError = (typeof streamErrors)[number];

/** How a status is shown; -1 and 0 are none. */
export type StatusLabels = (status: number, error: StreamError) => Labels;

const shown = (status: number): string => (status > 0 ? String(status) : '');
/** `http_status` and `error`, as of outbound routes. */
export const httpStatusLabels: StatusLabels = (status, error) => ({ http_status: shown(status), error });
/** `grpc_status` and `error`; what has no status has UNKNOWN. */
export const grpcStatusLabels: StatusLabels = (code, error) => ({
  grpc_status: grpcStatuses[code] ?? 'UNKNOWN',
  error,
});
/** `status`, as of inbound routes, with the number for gRPC as well. */
export const plainStatusLabels: StatusLabels = (status) => ({ status: shown(status) });
export const plainGrpcStatusLabels: StatusLabels = (code) => ({ status: code >= 0 ? String(code) : '' });

interface StatusSeries {
  readonly labels: string;
  count: number;
}

/** Of one label set: servers choose the statuses, and each is a series in every scrape. */
const maxStatuses = 200;

/** Counts of streams by their status and what ended them. */
export class StatusCounts {
  private readonly labels: string;
  private readonly statusLabels: StatusLabels;
  private readonly byKey = new Map<number, StatusSeries>();
  private lastKey = -1;
  private last: StatusSeries | undefined = undefined;

  /** `labels` are what stands before those of the status, as they are written. */
  constructor(labels: string, statusLabels: StatusLabels) {
    this.labels = labels;
    this.statusLabels = statusLabels;
  }

  get isUsed(): boolean {
    return this.last !== undefined;
  }

  /** `status` is that of HTTP or of gRPC; below 1 for none in HTTP, below 0 in gRPC. */
  add(status: number, error: StreamError): void {
    // Nearly all are of the kind of the one before.
    const key = (status + 1) * 16 + (error === '' ? 0 : streamErrors.indexOf(error));
    if (key !== this.lastKey || this.last === undefined) {
      this.last = this.byKey.get(key) ?? this.make(key, status, error);
      this.lastKey = key;
    }
    this.last.count++;
  }

  lines(name: string): string {
    let lines = '';
    for (const { labels, count } of this.byKey.values()) lines += sample(name, labels, count);
    return lines;
  }

  private make(key: number, status: number, error: StreamError): StatusSeries {
    const isFull = this.byKey.size >= maxStatuses;
    // The kinds that are left over share one, which is kept under a key of no status.
    const known = isFull ? this.byKey.get(overflowKey) : undefined;
    if (known !== undefined) return known;
    const own = isFull ? { overflow: 'true' } : this.statusLabels(status, error);
    const series = { labels: `${this.labels},${formatLabels(own)}`, count: 0 };
    this.byKey.set(isFull ? overflowKey : key, series);
    return series;
  }
}

const overflowKey = -1;
