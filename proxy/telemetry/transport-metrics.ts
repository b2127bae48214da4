import { header, sample } from './families.ts';
import type { Labels } from './labels.ts';
import { Series, type SeriesSet } from './series.ts';

/** What a connection has carried so far. */
export interface CountedConnection {
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** The tcp_* metrics of one label set; it is held by the connections that are open. */
export class TransportMetrics extends Series {
  opened = 0;
  readonly closes = new Map<string, number>();
  private readonly live = new Set<CountedConnection>();
  private closedReadBytes = 0;
  private closedWriteBytes = 0;
  private readonly nowMs: () => number;

  constructor(labels: Labels, nowMs: () => number) {
    super(labels, nowMs());
    this.nowMs = nowMs;
  }

  override get inUse(): boolean {
    return this.live.size > 0;
  }

  get open(): number {
    return this.live.size;
  }

  get readBytes(): number {
    let bytes = this.closedReadBytes;
    for (const connection of this.live) bytes += connection.bytesRead;
    return bytes;
  }

  get writeBytes(): number {
    let bytes = this.closedWriteBytes;
    for (const connection of this.live) bytes += connection.bytesWritten;
    return bytes;
  }

  connectionOpened(connection: CountedConnection): void {
    this.opened++;
    this.live.add(connection);
  }

  /** `errno` is empty for a clean close. */
  connectionClosed(connection: CountedConnection, errno: string): void {
    if (!this.live.delete(connection)) return;
    this.closedReadBytes += connection.bytesRead;
    this.closedWriteBytes += connection.bytesWritten;
    this.closes.set(errno, (this.closes.get(errno) ?? 0) + 1);
    this.usedMs = this.nowMs();
  }
}

const families: readonly (readonly [string, 'counter' | 'gauge', string, (metrics: TransportMetrics) => number])[] = [
  ['tcp_open_total', 'counter', 'Total count of opened connections.', (metrics) => metrics.opened],
  ['tcp_open_connections', 'gauge', 'Connections that are open now.', (metrics) => metrics.open],
  ['tcp_read_bytes_total', 'counter', 'Bytes read from the peer.', (metrics) => metrics.readBytes],
  ['tcp_write_bytes_total', 'counter', 'Bytes written to the peer.', (metrics) => metrics.writeBytes],
];

export function* transportLines(transports: SeriesSet<TransportMetrics>): Iterable<string> {
  transports.dropIdle();
  for (const [name, type, help, value] of families) {
    yield header(name, type, help);
    for (const metrics of transports.values()) yield sample(name, metrics.labels, value(metrics));
  }
  yield header('tcp_close_total', 'counter', 'Total count of closed connections.');
  for (const { labels, closes } of transports.values()) {
    for (const [errno, count] of closes) {
      yield sample('tcp_close_total', errno === '' ? labels : `${labels},errno="${errno}"`, count);
    }
  }
}
