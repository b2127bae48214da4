import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseExposition } from '../../lib/figures/exposition.ts';
import { grpcJsClient } from '../clients/grpc-js-echo.ts';
import { heldForRequests, TestMesh } from '../proxy/test-mesh.ts';
import { mix, type Target } from './calls.ts';
import { applyEndpoints, type Churn, churn, serviceName } from './churn.ts';
import { Attackers, type Hostile } from './hostile.ts';
import { callInLoop, type Tally } from './load.ts';
import { SeededRandom } from './random.ts';
import { Application, ports } from './servers.ts';
import { Watched } from './watch.ts';

export interface SoakOptions {
  readonly forMs: number;
  readonly seed: number;
  /** Strangers attack in every second part of it, and endpoints stay, since they are never quiet then. */
  readonly hostile?: boolean;
  /** Told what is going on, in a line each. */
  readonly report: (line: string) => void;
}

export interface ProxyResult {
  readonly name: string;
  /** Open descriptors before the load, and after it once all is settled. */
  readonly descriptors: readonly [before: number, after: number];
  /** Median private memory in the first and in the last part of the load. */
  readonly privateBytes: readonly [first: number, last: number];
  readonly mostPrivateBytes: number;
  /** What the proxy says that it still holds, by series; empty when that is nothing. */
  readonly left: Readonly<Record<string, number>>;
}

export interface SoakResult {
  readonly tallies: readonly Tally[];
  /** Undefined where endpoints stayed. */
  readonly churn: Churn | undefined;
  /** Undefined where nobody attacked. */
  readonly hostile: Hostile | undefined;
  readonly proxies: readonly ProxyResult[];
}

const servers = ['one', 'two'] as const;
const names = ['client', ...servers];
/** Gauges of what a proxy holds for calls that are under way: each is 0 when there are none. */
const heldGauges = ['tcp_open_connections', ...heldForRequests] as const;
/** The sidecar's own listener, and those that stand for the application's ports. */
const inboundPorts = [4143, 14_143, 14_144, 14_145];
const adminPort = 4191;
/** Whom no pod has for its address. */
const stranger = '127.0.0.66';
/** Idle destinations and connections of a proxy are closed within seconds. */
const settleTimeoutMs = 45_000;

/** Loads a mesh with all that it carries while its endpoints come and go, and tells what it cost the sidecars. */
export async function soak({ forMs, seed, hostile = false, report }: SoakOptions): Promise<SoakResult> {
  const annotations = { 'config.tulle.dev/opaque-ports': `${ports.tcp}` };
  const served = servers.map((name) => ({ name, ports: Object.values(ports), annotations }));
  const mesh = await TestMesh.start([{ name: 'client' }, ...served]);
  const applications = new Map(servers.map((name) => [name as string, new Application(mesh, name)]));
  const agent = new Agent({ keepAlive: true });
  const proxy = mesh.ip('client');
  const host = `${serviceName}.test`;
  const grpc = grpcJsClient(`${proxy}:4140`, `${host}:${ports.grpc}`);
  const target: Target = { proxy, host, httpPort: ports.http, tcpPort: ports.tcp, grpc };
  try {
    for (const application of applications.values()) await application.start();
    applyEndpoints(mesh, servers);
    await mesh.ready();
    const random = new SeededRandom(seed);
    const watched = names.map((name) => new Watched(name, mesh.pid(name, 'tulle-proxy')));
    report('warming up');
    const kinds = mix(agent);
    for (let i = 0; i < 3; i++) for (const { call } of kinds) await call(target, random, new AbortController().signal);
    agent.destroy();
    grpc.close();
    // To endpoints that are gone, and applications that have ended, no connection is kept.
    applyEndpoints(mesh, []);
    for (const application of applications.values()) await application.restart();
    await settled(mesh);
    applyEndpoints(mesh, servers);
    const before = watched.map(({ descriptors }) => descriptors);

    report(`load for ${forMs / 1000} s, seed ${seed}`);
    const loaded = await load(
      mesh,
      { ...target, grpc: grpcJsClient(`${proxy}:4140`, `${host}:${ports.grpc}`) },
      applications,
      watched,
      random,
      forMs,
      hostile
        ? new Attackers({
            hosts: servers.map((name) => mesh.ip(name)),
            ports: inboundPorts,
            adminPort,
            from: stranger,
            seed,
          })
        : undefined,
    );

    report('settling');
    const left = await settled(mesh, () => watched.every(({ descriptors }, i) => descriptors <= before[i]));
    const part = Math.min(60_000, forMs / 6);
    const proxies = watched.map(
      (one, i): ProxyResult => ({
        name: one.name,
        descriptors: [before[i], one.descriptors],
        mostPrivateBytes: one.mostPrivateBytes,
        privateBytes: [one.privateBytes(part, 2 * part), one.privateBytes(forMs - part, forMs)],
        left: left[i],
      }),
    );
    return { ...loaded, proxies };
  } finally {
    agent.destroy();
    grpc.close();
    for (const application of applications.values()) application.stop();
    await mesh.stop();
  }
}

async function load(
  mesh: TestMesh,
  target: Target,
  applications: ReadonlyMap<string, Application>,
  watched: readonly Watched[],
  random: SeededRandom,
  forMs: number,
  attackers: Attackers | undefined,
): Promise<Omit<SoakResult, 'proxies'>> {
  const until = AbortSignal.timeout(forMs);
  const agent = new Agent({ keepAlive: true });
  const startMs = Date.now();
  const sampler = setInterval(() => {
    for (const one of watched) one.sample(Date.now() - startMs);
  }, 500);
  try {
    const kinds = mix(agent).map((kind) => ({
      ...kind,
      tally: { name: kind.name, done: 0, abandoned: 0, failures: [] } as Tally,
    }));
    const loops = kinds.flatMap(({ call, atOnce, share, tally }) =>
      Array.from({ length: atOnce }, () =>
        callInLoop(call, target, random.fork(), share, tally, until, (tookMs) => attackers?.record(tookMs)),
      ),
    );
    const [churned, attacked] = await Promise.all([
      attackers === undefined ? churn(mesh, applications, until) : undefined,
      attackers?.run(forMs, until),
      ...loops,
    ]);
    return { tallies: kinds.map(({ tally }) => tally), churn: churned, hostile: attacked };
  } finally {
    clearInterval(sampler);
    agent.destroy();
    target.grpc.close();
  }
}

/** Waits until nothing is held and `also` holds, or has been waited for long enough; returns what is left, by proxy. */
async function settled(mesh: TestMesh, also: () => boolean = () => true): Promise<Record<string, number>[]> {
  const deadlineMs = Date.now() + settleTimeoutMs;
  for (;;) {
    const left = await Promise.all(names.map((name) => held(mesh, name)));
    // The sidecars have yet to see the end of the connections that this was asked by.
    await sleep(250);
    const nothing = left.every((gauges) => Object.keys(gauges).length === 0);
    if ((nothing && also()) || Date.now() > deadlineMs) return left;
  }
}

/** The series of what is held that are not 0. */
async function held(mesh: TestMesh, name: string): Promise<Record<string, number>> {
  const answer = await mesh.admin(name, '/metrics').catch(() => undefined);
  // On a machine that is busy with the end of the load; if it stays so, it is told as what it is.
  if (answer === undefined) return { 'metrics that were not answered': 1 };
  const left = parseExposition(answer.body).filter(
    (sample) => sample.value !== 0 && (heldGauges as readonly string[]).includes(sample.name),
  );
  const where = ({ direction, peer, target_addr }: Record<string, string>): string =>
    [direction, peer, target_addr].filter(Boolean).join(' ');
  return Object.fromEntries(left.map((sample) => [`${sample.name} (${where(sample.labels)})`, sample.value]));
}
