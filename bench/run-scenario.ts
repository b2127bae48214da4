import { join } from 'node:path';
import { bunProgram, packageRoot } from '../local/package-root.ts';
import { h2load, type LoadResult } from './load/h2load.ts';
import { runProgram } from './load/run-program.ts';
import { cpuMicros } from './measure/processes.ts';
import { type Peer, upstreamPorts } from './peers/peer.ts';
import { requestsPerSecond, type Scenario } from './scenarios.ts';

/** One measurement of one proxy. */
export interface Sample {
  /** CPU time of the proxies for each request. */
  readonly cpuUs: number;
  readonly requestsPerSecond: number;
  /** Beyond what the same requests take without a proxy; for constant rates. */
  readonly addedP50Us?: number;
  readonly addedP99Us?: number;
}

export interface RunOptions {
  /** How long each measurement takes, about. */
  readonly seconds: number;
  readonly upstream: string;
  readonly messageFile: string;
  readonly core: number;
}

interface Latency {
  readonly requests: number;
  readonly p50Us: number;
  readonly p99Us: number;
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
      ? await constantRate(`${options.upstream}:${upstreamPorts.http1}`, scenario, options)
      : undefined;
  for (const peer of peers) {
    try {
      samples.set(peer.name, await measurePeer(peer, scenario, direct, options));
    } catch (error) {
      throw new Error(`${peer.name}, ${scenario.id}: ${(error as Error).message}`);
    }
  }
  return samples;
}

async function measurePeer(
  peer: Peer,
  scenario: Scenario,
  direct: Latency | undefined,
  options: RunOptions,
): Promise<Sample> {
  const { target, pids } = peer.route(scenario.path);
  if (direct !== undefined) {
    const before = cpuMicros(pids);
    const startMs = performance.now();
    const { requests, p50Us, p99Us } = await constantRate(target, scenario, options);
    return {
      cpuUs: (cpuMicros(pids) - before) / requests,
      requestsPerSecond: requests / ((performance.now() - startMs) / 1000),
      addedP50Us: p50Us - direct.p50Us,
      addedP99Us: p99Us - direct.p99Us,
    };
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
    cpuUs: (cpuMicros(pids) - before) / result.requests,
    requestsPerSecond: result.requests / result.seconds,
  };
}

/** By which name Tulle finds the upstream; the peers do not look at it. */
function authority({ path }: Scenario): string {
  return `${path.endsWith('hop') ? 'upstream' : 'behind'}.bench:${path.startsWith('http1') ? 80 : 90}`;
}

function saturated(target: string, scenario: Scenario, requests: number, options: RunOptions): Promise<LoadResult> {
  const grpc = scenario.path.startsWith('grpc');
  return h2load({
    target,
    url: `http://${authority(scenario)}${grpc ? '/bench.Echo/Say' : '/hello'}`,
    grpc,
    connections: scenario.connections,
    streams: scenario.streams,
    requests,
    messageFile: options.messageFile,
    core: options.core,
  });
}

async function varied(target: string, scenario: Scenario, requests: number, { core }: RunOptions): Promise<LoadResult> {
  const program = join(packageRoot, 'bench/programs/varied-grpc.ts');
  const [host, port] = target.split(':');
  const { connections, streams } = scenario;
  const args = [host, port, authority(scenario), `${connections}`, `${streams}`, `${requests}`];
  return JSON.parse(await runProgram([bunProgram(process.env['PATH'] ?? ''), program, ...args], core, 90_000));
}

async function constantRate(target: string, scenario: Scenario, { seconds, core }: RunOptions): Promise<Latency> {
  const program = join(packageRoot, 'bench/programs/open-loop.ts');
  const [host, port] = target.split(':');
  const args = [host, port, authority(scenario), `${requestsPerSecond}`, `${seconds}`, `${scenario.connections}`];
  return JSON.parse(await runProgram([bunProgram(process.env['PATH'] ?? ''), program, ...args], core, 60_000));
}
