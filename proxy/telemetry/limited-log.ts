import type { Log, LogFields } from './log.ts';
import type { LogLevel } from './log-filter.ts';

export interface LimitedLogOptions {
  log: Log;
  /** Monotonic milliseconds. */
  nowMs: () => number;
  /** How long after a line its key is silent. Default 10 s. */
  intervalMs?: number;
  /** How many keys are known; the one that was silent longest is forgotten for a new one. Default 1,000. */
  maxKeys?: number;
  /** Lines of all keys together within the interval. Default 100. */
  maxLines?: number;
  /** Told of each event that makes no line. */
  onUnsaid?: () => void;
}

interface Said {
  atMs: number;
  /** Events since then that were not told. */
  silent: number;
}

/**
 * What happens often when it happens: the first event of a key is a line at once, and those that follow within the
 * interval are only counted; the next line says how many there were (`unsaid`). So the cause of a failure can be read
 * without debug logging, and an endpoint that refuses ten thousand times a second does not fill a disk.
 *
 * Keys may hold what peers choose (addresses, ports): their number is bounded, and so are the lines of all of them.
 */
export class LimitedLog {
  private readonly log: Log;
  private readonly nowMs: () => number;
  private readonly intervalMs: number;
  private readonly maxKeys: number;
  private readonly maxLines: number;
  private readonly onUnsaid: () => void;
  private lines = 0;
  private linesFromMs = Number.NEGATIVE_INFINITY;
  /** In the order of their last line. */
  private readonly said = new Map<string, Said>();

  constructor({
    log,
    nowMs,
    intervalMs = 10_000,
    maxKeys = 1000,
    maxLines = 100,
    onUnsaid = () => {},
  }: LimitedLogOptions) {
    this.log = log;
    this.nowMs = nowMs;
    this.intervalMs = intervalMs;
    this.maxKeys = maxKeys;
    this.maxLines = maxLines;
    this.onUnsaid = onUnsaid;
  }

  info(key: string, message: string, fields?: LogFields): void {
    this.limited('info', key, message, fields);
  }

  warn(key: string, message: string, fields?: LogFields): void {
    this.limited('warn', key, message, fields);
  }

  error(key: string, message: string, fields?: LogFields): void {
    this.limited('error', key, message, fields);
  }

  private limited(level: LogLevel, key: string, message: string, fields: LogFields | undefined): void {
    if (!this.log.writes(level)) return;
    const nowMs = this.nowMs();
    const said = this.said.get(key);
    if (said !== undefined && nowMs - said.atMs < this.intervalMs) {
      said.silent++;
      this.onUnsaid();
      return;
    }
    if (!this.hasLineLeft(nowMs)) {
      if (said !== undefined) said.silent++;
      this.onUnsaid();
      return;
    }
    this.said.delete(key);
    if (this.said.size >= this.maxKeys) this.said.delete(this.said.keys().next().value as string);
    this.said.set(key, { atMs: nowMs, silent: 0 });
    this.log.log(level, message, said === undefined || said.silent === 0 ? fields : { ...fields, unsaid: said.silent });
  }

  private hasLineLeft(nowMs: number): boolean {
    if (nowMs - this.linesFromMs >= this.intervalMs) {
      this.linesFromMs = nowMs;
      this.lines = 0;
    }
    if (this.lines >= this.maxLines) return false;
    this.lines++;
    return true;
  }
}
