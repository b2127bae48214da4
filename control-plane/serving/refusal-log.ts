import type { Logger } from 'pino';
import type { Refusal } from './connection-limits.ts';

const everyMs = 10_000;
const meant: Readonly<Record<Refusal, string>> = {
  address: 'an address holds as many connections or calls as one may',
  all: 'as many connections or calls are held as may be',
};

/** Says that connections were refused, at most once in ten seconds for each limit: whoever floods must not fill the log. */
export function refusalLog(log: Logger, server: string): (limit: Refusal, address: string) => void {
  const told = new Map<Refusal, { atMs: number; more: number }>();
  return (limit, address) => {
    const nowMs = performance.now();
    const last = told.get(limit);
    if (last !== undefined && nowMs - last.atMs < everyMs) {
      last.more++;
      return;
    }
    told.set(limit, { atMs: nowMs, more: 0 });
    log.warn({ server, address, refusedBefore: last?.more ?? 0 }, `refused: ${meant[limit]}`);
  };
}
