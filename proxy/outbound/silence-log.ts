import type { TargetName } from '../discovery/addresses.ts';
import type { Log } from '../telemetry/log.ts';
import { formatHostPort } from '../wire/ip-network.ts';

/** Targets that are told of, each once: whoever calls ever new ones need not be told of all. */
const maxTargets = 1000;

/**
 * Tells of targets whose connections were taken for opaque TCP only because their clients said nothing in time: those of
 * servers that speak first (NATS, MySQL, SMTP) wait for all of it, and some give up before. The one who runs it can say so.
 */
export class SilenceLog {
  private readonly log: Log;
  private readonly waitedMs: number;
  private readonly told = new Set<string>();

  constructor(log: Log, waitedMs: number) {
    this.log = log;
    this.waitedMs = waitedMs;
  }

  tell({ host, port }: TargetName): void {
    const target = formatHostPort(host, port);
    if (this.told.has(target) || this.told.size >= maxTargets) return;
    this.told.add(target);
    this.log.warn('connections are opaque only because their clients said nothing in time: annotate Service and pods', {
      target,
      waitedMs: this.waitedMs,
      annotation: `config.tulle.dev/opaque-ports: "${port}"`,
    });
  }
}
