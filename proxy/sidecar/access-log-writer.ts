import { AccessLog } from '../access-log/access-log.ts';
import { LineSink, type WriteBytes } from '../access-log/line-sink.ts';
import type { Clock } from '../clock.ts';
import type { ProxyConfig } from '../config.ts';
import type { MetricsRegistry } from '../telemetry/registry.ts';

/** How long the end of the process waits for who reads the access log, in ms. */
const mostEndMs = 1000;

/** The access log as it is configured: what observes requests for it, and where it goes. */
export class AccessLogWriter {
  /** None when it is off. */
  readonly observers: readonly AccessLog[];
  private readonly sink: LineSink | undefined;

  constructor(format: ProxyConfig['accessLog'], write: WriteBytes, clock: Clock, registry: MetricsRegistry) {
    if (format === 'off') {
      this.observers = [];
      return;
    }
    const dropped = registry.counter(
      'access_log_lines_dropped_total',
      'Lines of the access log that were not written, since nobody read as fast as they came.',
    );
    this.sink = new LineSink({ write, timers: clock, onDropped: (count) => dropped.add({}, count) });
    this.observers = [new AccessLog(format, this.sink, clock)];
  }

  /** Calls back when what was told so far is written. */
  end(done: () => void): void {
    if (this.sink === undefined) done();
    else this.sink.drain(mostEndMs, done);
  }
}
