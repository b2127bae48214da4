import { join } from 'node:path';
import { bunProgram, packageRoot } from '../local/package-root.ts';
import { h2load, type LoadResult } from './load/h2load.ts';
import { runProgram } from './load/run-program.ts';
import { cpuMicros } from './measure/processes.ts';
import { type Peer, type Route, upstreamPorts } from './peers/peer.ts';
import { requestsPerSecond, type Scenario } from './scenarios.ts';

/** One measurement of one proxy. */
export interface Sample {
  /** CPU time of the proxies: microseconds for each request, or of a flood seconds for each gigabyte. */
  readonly cpu: number;
  /** Requests in a second, or of a flood megabytes. */
  readonly throughput: number;
  /** Beyond what the same requests take without a proxy; for constant rates. */
  readonly addedP50Us?: number;
  readonly addedP99Us?: number;
  readonly addedP999Us?: number;
}

export interface RunOptions {
  /** How long each measurement takes, about. */
  readonly seconds: number;
  readonly upstream: string;
  readonly messageFile: string;
  /** A body for requests of `requestBytes`. */
  readonly bodyFile: string;
  /** The tokens of 1,000 end users, as a JSON list. */
  readonly tokensFile: string;
  readonly core: number;
}

/** After so long a proxy should know that an endpoint answers nothing. */
const settledAfterSeconds = 3;
/** So long a measurement sees the ends of several back-offs. */
const backOffSeconds = 10;
/** How long a client waits for an answer where one may not come. */
const patienceMs = 1000;

interface Latency {
  readonly requests: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

/** Measures each proxy once, one after the other, for one round. */
export async function runRound(
  scenario: Scenario,
  peers: readonly Peer[],
  options: RunOptions,
): Promise<Map<string, Sample>> {
  const samples = new Map<string, Sample>();
  const direct =
    scenario.load === 'rate'
      ? await constantRate(`${options.upstream}:${upstreamPorts.http1}`, { ...scenario, blackHole: undefined }, options)
      : undefined;
  for (const peer of peers) {
    const route = peer.route(scenario.path);
    if (route === undefined) continue;
    try {
      const own = peer.plain ? { ...scenario, told: undefined } : scenario;
      samples.set(peer.name, await measureRoute(peer, route, own, direct, options));
    } catch (error) {
      const problem = `${peer.name}, ${scenario.id}: ${(error as Error).message}`;
      if (peer.explicit) throw new Error(problem);
      // Another's failure must not lose what was measured of all.
      console.log(`left out of this round: ${problem}`);
    }
  }
  return samples;
}

async function measureRoute(
  peer: Peer,
  { target, pids }: Route,
  scenario: Scenario,
  direct: Latency | undefined,
  options: RunOptions,
): Promise<Sample> {
  if (direct !== undefined) {
    const before = cpuMicros(pids);
    const startMs = performance.now();
    const { requests, p50Us, p99Us, p999Us } = await constantRate(target, scenario, options);
    return {
      cpu: (cpuMicros(pids) - before) / requests,
      throughput: requests / ((performance.now() - startMs) / 1000),
      addedP50Us: p50Us - direct.p50Us,
      addedP99Us: p99Us - direct.p99Us,
      addedP999Us: p999Us - direct.p999Us,
    };
  }
  if (scenario.load === 'flood') {
    // Peers are told by the port where the bytes go; Tulle by CONNECT.
    const authority = peer.explicit ? authorityOf(scenario) : undefined;
    await flood(target, authority, options);
    const before = cpuMicros(pids);
    const { bytes, seconds } = await flood(target, authority, options);
    return { cpu: (cpuMicros(pids) - before) / (bytes / 1000), throughput: bytes / 1e6 / seconds };
  }
  const load = scenario.load === 'varied' ? varied : saturated;
  const filling = ({ requests, seconds }: LoadResult): number =>
    Math.max(Math.ceil((requests / seconds) * options.seconds), requests);
  // The first run tells how many requests fill the time; what is measured is the proxy that has been at work a while.
  const first = await load(target, scenario, Math.max(scenario.connections * scenario.streams * 20, 2000), options);
  const warm = await load(target, scenario, filling(first), options);
  const requests = filling(warm);
  const before = cpuMicros(pids);
  const result = await load(target, scenario, requests, options);
  return {
    cpu: (cpuMicros(pids) - before) / result.requests,
    throughput: result.requests / result.seconds,
  };
}

/** By which name Tulle finds the upstream; the peers do not look at it. */
export function authorityOf({
  path,
  blackHole,
  told,
  traced,
}: Pick<Scenario, 'path' | 'blackHole' | 'told' | 'traced'>): string {
  const port = { http1: 80, grpc: 90, tcp: 70 }[path.split('-')[0] as 'http1' | 'grpc' | 'tcp'];
  const behind = traced === undefined ? 'behind' : 'behind-traced';
  return `${blackHole ?? told ?? (path.endsWith('hop') ? 'upstream' : behind)}.bench:${port}`;
}

function saturated(target: string, scenario: Scenario, requests: number, options: RunOptions): Promise<LoadResult> {
  const grpc = scenario.path.startsWith('grpc');
  const { bodyBytes, requestBytes, told } = scenario;
  const path = told === 'flaky' ? '/flaky' : bodyBytes === undefined ? '/hello' : `/bytes/${bodyBytes}`;
  return h2load({
    target,
    url: `http://${authorityOf(scenario)}${grpc ? '/bench.Echo/Say' : path}`,
    grpc,
    bodyFile: requestBytes === undefined ? undefined : options.bodyFile,
    connections: scenario.connections,
    streams: scenario.streams,
    requests,
    messageFile: options.messageFile,
    core: options.core,
  });
}

async function varied(
  target: string,
  scenario: Scenario,
  requests: number,
  { core, tokensFile }: RunOptions,
): Promise<LoadResult> {
  const { connections, streams, path } = scenario;
  const grpc = path.startsWith('grpc');
  const args = [authorityOf(scenario), `${connections}`, ...(grpc ? [`${streams}`] : []), `${requests}`];
  if (scenario.id.endsWith('-tokens')) args.push(tokensFile);
  return program(grpc ? 'varied-grpc' : 'varied-http1', target, args, core);
}

async function constantRate(target: string, scenario: Scenario, { seconds, core }: RunOptions): Promise<Latency> {
  const { connections, blackHole, seconds: atLeast = 1 } = scenario;
  const of = (measuredSeconds: number, warmUpSeconds: number): string[] =>
    [requestsPerSecond, measuredSeconds, connections, warmUpSeconds].map(String);
  const args =
    blackHole === undefined
      ? of(Math.max(seconds, atLeast), 1)
      : [...of(Math.max(seconds, backOffSeconds), settledAfterSeconds), `${patienceMs}`];
  return program('open-loop', target, [authorityOf(scenario), ...args], core);
}

function flood(
  target: string,
  authority: string | undefined,
  { seconds, core }: RunOptions,
): Promise<{ bytes: number; seconds: number }> {
  return program('flood', target, [`${seconds}`, ...(authority === undefined ? [] : [authority])], core);
}

/** Runs one of our own load programs and reads the JSON that it prints. */
async function program<T>(name: string, target: string, args: readonly string[], core: number): Promise<T> {
  const file = join(packageRoot, `bench/programs/${name}.ts`);
  const command = [bunProgram(process.env['PATH'] ?? ''), file, ...target.split(':'), ...args];
  return JSON.parse(await runProgram(command, core, 90_000));
}
