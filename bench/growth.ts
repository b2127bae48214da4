import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bunProgram, packageRoot } from '../local/package-root.ts';
import { runProgram } from './load/run-program.ts';
import { memoryOf } from './measure/processes.ts';
import { median } from './measure/statistics.ts';
import type { Peer } from './peers/peer.ts';
import { markdown, type Verdict } from './report.ts';
import { authorityOf } from './run-scenario.ts';

/** What a sidecar's private memory may grow by, in bytes, while all that it records waits for a collector that is away. */
const mostGrowth = 4e6;
const requestsPerSecond = 5000;
const connections = 50;
const sampleMs = 1000;
/** What is compared are medians of so large a part of the time: a heap goes up and down with each collection. */
const part = 0.1;

/** Sends to `peer` for so many minutes, and says by how much it has grown from when it was warm. */
export async function measureGrowth(
  peer: Peer,
  minutes: number,
  core: number,
): Promise<{ table: string; found: Verdict }> {
  const route = peer.route('http1-hop');
  if (route === undefined) throw new Error(`${peer.name} has no way of one hop`);
  const program = join(packageRoot, 'bench/programs/open-loop.ts');
  const numbers = [requestsPerSecond, minutes * 60, connections, 1].map(String);
  const args = [...route.target.split(':'), authorityOf({ path: 'http1-hop' }), ...numbers];
  let isOver = false;
  const load = runProgram([bunProgram(process.env['PATH'] ?? ''), program, ...args], core, minutes * 60_000 + 60_000);
  const over = load.finally(() => {
    isOver = true;
  });
  over.catch(() => {});
  const samples: number[] = [];
  while (!isOver) {
    await Promise.race([sleep(sampleMs), over]);
    samples.push(memoryOf(route.pids).private);
  }
  await over;
  const { warm, end } = warmAndEnd(samples);
  const [warmMb, endMb, mostMb] = [warm, end, Math.max(...samples)].map((bytes) => (bytes / 1e6).toFixed(1));
  const text = `memory-traced: +${((end - warm) / 1e6).toFixed(1)} MB private in ${minutes} min (at most ${mostGrowth / 1e6})`;
  const header = ['', 'warm', 'at the end', 'at most'];
  const rows = [[`all recorded, ${requestsPerSecond} requests/s, the collector away`, warmMb, endMb, mostMb]];
  return {
    table: `### Private memory of a sidecar, MB\n\n${markdown(header, rows)}`,
    found: { holds: end - warm <= mostGrowth, text },
  };
}

/** The middle of what was measured in the second tenth of the time, and in the last. */
export function warmAndEnd(samples: readonly number[]): { readonly warm: number; readonly end: number } {
  const count = Math.max(1, Math.floor(samples.length * part));
  const from = Math.min(count, samples.length - count);
  return { warm: median(samples.slice(from, from + count)), end: median(samples.slice(-count)) };
}
