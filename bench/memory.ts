import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bunProgram, packageRoot } from '../local/package-root.ts';
import { type Memory, memoryOf } from './measure/processes.ts';
import type { Path, Peer } from './peers/peer.ts';
import { markdown, type Verdict } from './report.ts';
import { authorityOf } from './run-scenario.ts';

/** What idle connections are held to: the way they go, and how much private memory each may cost the outbound proxy. */
interface Held {
  readonly id: string;
  readonly title: string;
  readonly path: Path;
  readonly mostBytes: number;
}

/** Numbers of the design, in bytes: an idle sidecar, an idle connection, one with mutual TLS besides. */
const idleLimits = { private: 15e6, rss: 50e6 } as const;
const held: readonly Held[] = [
  { id: 'memory-http1', title: 'an idle HTTP/1.1 connection', path: 'http1-hop', mostBytes: 10_000 },
  { id: 'memory-tunnel', title: 'an idle tunnel: plain and mTLS', path: 'tcp-chain', mostBytes: 40_000 },
];
const connections = 2000;
/** Upstream pools let go of what they do not need after three seconds. */
const settleMs = 5000;

/** Growth of a peer's private memory for each connection held open; undefined where the peer has no such way. */
async function bytesPerConnection({ path }: Held, peer: Peer, core: number): Promise<number | undefined> {
  const route = peer.route(path);
  const outbound = route?.pids.slice(0, 1);
  if (route === undefined || outbound === undefined) return undefined;
  const tunnel = path.startsWith('tcp');
  const kind = !tunnel ? 'http' : peer.explicit ? 'tunnel' : 'silent';
  const before = memoryOf(outbound).private;
  const program = join(packageRoot, 'bench/programs/hold.ts');
  const args = [...route.target.split(':'), authorityOf({ path }), `${connections}`, kind];
  const child = spawn('taskset', ['-c', `${core}`, bunProgram(process.env['PATH'] ?? ''), program, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const lost = ended.then(([code]) => {
    throw new Error(`${peer.name}, ${path}: connections were not held, exit code ${code}`);
  });
  lost.catch(() => {});
  await Promise.race([once(child.stdout, 'data', { signal: AbortSignal.timeout(60_000) }), lost]);
  await sleep(settleMs);
  const after = memoryOf(outbound).private;
  child.stdin.end();
  await ended;
  return (after - before) / connections;
}

/** Measures each peer's memory for each idle connection, and says whether Tulle's is within the design's numbers. */
export async function measureHeld(peers: readonly Peer[], core: number): Promise<{ table: string; found: Verdict[] }> {
  const found: Verdict[] = [];
  const rows: string[][] = [];
  for (const one of held) {
    const cells: string[] = [];
    for (const peer of peers) {
      const bytes = await bytesPerConnection(one, peer, core);
      cells.push(bytes === undefined ? '-' : (bytes / 1000).toFixed(1));
      if (!peer.explicit || bytes === undefined) continue;
      const text = `${one.id}: ${(bytes / 1000).toFixed(1)} KB private (at most ${one.mostBytes / 1000})`;
      found.push({ holds: bytes <= one.mostBytes, text });
    }
    rows.push([one.title, ...cells]);
  }
  const table = `### Private memory for each connection, KB\n\n${markdown(['', ...peers.map(({ name }) => name)], rows)}`;
  return { table, found };
}

/** Whether an idle sidecar is within the design's numbers. */
export function idleVerdicts(idle: Memory): Verdict[] {
  return (['private', 'rss'] as const).map((measure) => ({
    holds: idle[measure] <= idleLimits[measure],
    text: `memory-idle: ${measure} ${(idle[measure] / 1e6).toFixed(0)} MB (at most ${idleLimits[measure] / 1e6})`,
  }));
}
