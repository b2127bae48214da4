import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from '../images/bundle.ts';
import { proxyContainerName } from '../lib/contract/names.ts';
import { LocalMesh } from '../local/local-mesh.ts';
import { bunProgram, packageRoot } from '../local/package-root.ts';
import type { Peer } from './peers/peer.ts';
import { type BlackHole, type Told, type TracedPercent, told, tracedPercents, without } from './scenarios.ts';
import { makeTokens } from './tokens.ts';
import { toldObjects } from './told.ts';
import { startTraceSink } from './trace-sink.ts';

/** A running mesh of an idle client, two upstreams outside the mesh, and one inside it. */
export interface Testbed {
  readonly tulle: Peer;
  /** The same, with HTTP/1 over pooled connections between the sidecars. Chains of HTTP/1 only. */
  readonly pooled: Peer;
  /** The same, where the mesh is told something of the Service that is called, and where it is not. Chains only. */
  readonly told: (what: Told) => Peer;
  readonly without: Peer;
  /** Of end users: each is good for the Service that the mesh is told of them. */
  readonly tokens: readonly string[];
  /** With tracing on, and without, through the same sidecar at the end. Chains of gRPC only. */
  readonly traced: (percent: TracedPercent) => readonly [traced: Peer, without: Peer];
  /** Records all requests for a collector that is away. One hop only. */
  readonly collectorAway: Peer;
  /** Where spans are taken, by whatever protocol of HTTP. */
  readonly sinkPort: number;
  readonly upstreams: readonly [string, string];
  readonly behind: string;
  stop(): Promise<void>;
}

export interface TestbedOptions {
  readonly folder: string;
  readonly version: string;
  readonly proxyCore: number;
  readonly otherCore: number;
}

const readyTimeoutMs = 30_000;
/** That of the discard service (RFC 863), which nobody runs. */
const nobodysPort = 9;
const blackHoles: readonly BlackHole[] = ['hole', 'mute'];
/** Whose sidecar has something of its own to do for a Service. */
const ownPods: readonly Told[] = ['tokens', 'access-log', 'statsd'];
const measuredPods = new Set([
  ...ownPods.map((pod) => `${pod}-0`),
  ...['client-0', 'pooled-0', 'behind-0', 'behind-traced-0', 'collector-away-0'],
  ...tracedPercents.map((percent) => `traced-${percent}-0`),
]);

/** Starts the mesh as `tulle local` does, with its real control plane, and puts the sidecars on their core. */
export async function startTestbed({ folder, version, proxyCore, otherCore }: TestbedOptions): Promise<Testbed> {
  const manifests = join(folder, 'manifests');
  await mkdir(manifests, { recursive: true });
  const { tokens, rule } = makeTokens(Date.now());
  const sink = await startTraceSink(otherCore);
  const items = [...objects(sink.port), ...toldObjects(rule)];
  await writeFile(join(manifests, 'bench.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  // As the image has it: one file, whose loading leaves no traces of a compiler in memory.
  const program = join(folder, 'tulle-proxy.mjs');
  await writeFile(program, bundle(join(packageRoot, 'proxy/main.ts'), 'bun'));
  const problems: string[] = [];
  const mesh = await LocalMesh.start({
    manifests,
    stateFolder: join(folder, 'state'),
    cwd: folder,
    environment: process.env,
    proxyCommand: [bunProgram(process.env['PATH'] ?? ''), program],
    report: (line) => problems.push(line),
  });
  if (!(await mesh.ready(readyTimeoutMs))) {
    await mesh.stop();
    throw new Error(`the mesh is not ready: ${problems.join('; ')}; see ${mesh.logs}`);
  }
  const pod = (name: string) => {
    const found = mesh.pods.find(({ plan }) => plan.name === name);
    if (found === undefined) throw new Error(`there is no pod ${name}`);
    return found;
  };
  const sidecar = (name: string): number => {
    const process = pod(name).processes.find(({ container }) => container === proxyContainerName);
    if (process === undefined) throw new Error(`${name} has no sidecar`);
    return process.pid;
  };
  for (const { plan, processes } of mesh.pods) {
    const measured = measuredPods.has(plan.name);
    for (const { container, pid } of processes) {
      pin(pid, measured && container === proxyContainerName ? proxyCore : otherCore);
    }
  }
  const out = sidecar('client-0');
  const chain = [out, sidecar('behind-0')];
  const ofChain = (name: string, pids: readonly number[]): Peer => ({
    name,
    version,
    explicit: true,
    route: (path) => (path.endsWith('chain') ? { target: `${pod('client-0').plan.ip}:4140`, pids } : undefined),
    stop: async () => {},
  });
  const pooledChain = [sidecar('pooled-0'), sidecar('behind-0')];
  const tracedPeer = (name: string, client: string): Peer => ({
    name,
    version,
    explicit: true,
    route: () => ({ target: `${pod(client).plan.ip}:4140`, pids: [sidecar(client), sidecar('behind-traced-0')] }),
    stop: async () => {},
  });
  return {
    upstreams: [pod('upstream-0').plan.ip, pod('upstream-1').plan.ip],
    behind: pod('behind-0').plan.ip,
    stop: async () => {
      await mesh.stop();
      await sink.stop();
    },
    tokens,
    told: (what) => ofChain('Tulle', ownPods.includes(what) ? [out, sidecar(`${what}-0`)] : chain),
    without: { ...ofChain(without, chain), plain: true },
    sinkPort: sink.port,
    collectorAway: {
      name: 'Tulle',
      version,
      explicit: true,
      route: () => ({ target: `${pod('collector-away-0').plan.ip}:4140`, pids: [sidecar('collector-away-0')] }),
      stop: async () => {},
    },
    traced: (percent) => [tracedPeer('Tulle', `traced-${percent}-0`), tracedPeer('Tulle, not traced', 'client-0')],
    tulle: {
      name: 'Tulle',
      version,
      explicit: true,
      route: (path) => ({ target: `${pod('client-0').plan.ip}:4140`, pids: path.endsWith('chain') ? chain : [out] }),
      stop: async () => {},
    },
    pooled: {
      name: 'Tulle, pooled',
      version,
      explicit: true,
      route: (path) =>
        path === 'http1-chain' ? { target: `${pod('pooled-0').plan.ip}:4140`, pids: pooledChain } : undefined,
      stop: async () => {},
    },
  };
}

/** Moves a process and all its threads to one core. Throws when the system refuses. */
function pin(pid: number, core: number): void {
  const { status, stderr } = spawnSync('taskset', ['-acp', `${core}`, `${pid}`], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`process ${pid} cannot be put on core ${core}: ${stderr}`);
}

function objects(sinkPort: number): object[] {
  const upstream = [bunProgram(process.env['PATH'] ?? ''), join(packageRoot, 'bench/programs/upstream.ts')];
  const podIp = { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } };
  // Clients are told by the Service, the server's sidecar by the pod.
  const opaque = { 'config.tulle.dev/opaque-ports': '70,8070' };
  const deployment = (
    name: string,
    replicas: number,
    inject: string,
    container: object,
    more: { annotations?: Readonly<Record<string, string>>; labels?: Readonly<Record<string, string>> } = {},
  ) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'bench' },
    spec: {
      replicas,
      template: {
        metadata: {
          labels: { app: name, ...more.labels },
          annotations: { 'tulle.dev/inject': inject, ...opaque, ...more.annotations },
        },
        spec: { containers: [{ name, ...container }] },
      },
    },
  });
  const service = (name: string, selector: Readonly<Record<string, string>> = { app: name }) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'bench', annotations: opaque },
    spec: {
      selector,
      ports: [
        { name: 'http', port: 80, targetPort: 8080 },
        { name: 'grpc', port: 90, targetPort: 8090 },
        { name: 'tcp', port: 70, targetPort: 8070 },
      ],
    },
  });
  const serving = {
    command: upstream,
    env: [podIp],
    ports: [8080, 8090, 8070].map((containerPort) => ({ containerPort })),
  };
  const blackHole = (kind: BlackHole) => ({
    ...serving,
    command: [...upstream.slice(0, 1), join(packageRoot, 'bench/programs/black-hole.ts'), kind],
    readinessProbe: { httpGet: { port: 8081 } },
  });
  const idle = { command: ['sleep', 'infinity'] };
  const pooled = [{ name: 'LINKERD2_PROXY_OUTBOUND_DISABLE_HTTP1_MULTIPLEXING', value: 'true' }];
  const traced = (percent: number, port = sinkPort) => ({
    annotations: {
      'config.tulle.dev/trace-collector': `127.0.0.1:${port}`,
      'config.tulle.dev/trace-collector-protocol': 'otlp-http',
      'config.tulle.dev/trace-sample-rate': `${percent / 100}`,
    },
  });
  return [
    ...tracedPercents.map((percent) => deployment(`traced-${percent}`, 1, 'enabled', idle, traced(percent))),
    deployment('collector-away', 1, 'enabled', idle, traced(100, nobodysPort)),
    deployment('behind-traced', 1, 'enabled', serving, traced(0)),
    service('behind-traced'),
    deployment('upstream', 2, 'disabled', serving, { labels: { hole: 'beside', mute: 'beside' } }),
    ...blackHoles.flatMap((kind) => [
      deployment(kind, 1, 'disabled', blackHole(kind), { labels: { [kind]: 'beside' } }),
      service(kind, { [kind]: 'beside' }),
    ]),
    deployment('behind', 1, 'enabled', serving),
    deployment('tokens', 1, 'enabled', serving),
    deployment('access-log', 1, 'enabled', serving, { annotations: { 'config.tulle.dev/access-log': 'json' } }),
    // Nobody listens there, which costs a sender the same.
    deployment('statsd', 1, 'enabled', serving, {
      annotations: { 'config.tulle.dev/statsd-address': '127.0.0.1:8125' },
    }),
    ...told.map((what) => service(what, { app: ownPods.includes(what) ? what : 'behind' })),
    deployment('client', 1, 'enabled', idle),
    deployment('pooled', 1, 'enabled', idle, {
      annotations: { 'config.tulle.dev/proxy-additional-env': JSON.stringify(pooled) },
    }),
    service('upstream'),
    service('behind'),
  ];
}
