import { writeFile } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import { FileSource } from '../control-plane/sources/file-source.ts';
import { trustRootsConfigMap } from '../lib/contract/names.ts';
import { proxyPorts } from '../lib/contract/ports.ts';
import type { InjectConfig, Manifest } from '../lib/inject/index.ts';
import type { EnvFacts } from './container-env.ts';
import { controlPlaneAddresses, controlPlanePods } from './control-plane-pods.ts';
import { type LocalCredentials, makeCredentials, tokenLifetimeMs } from './credentials.ts';
import { endpointSlices, type SelectingService } from './endpoint-slices.ts';
import { processOf } from './left-behind.ts';
import { LocalPod } from './local-pod.ts';
import { readManifestFolder } from './manifest-folder.ts';
import { installedConfig } from './mesh-config.ts';
import { claimLoopbackNetwork, type LoopbackNetwork } from './network.ts';
import { bunProgram, packageRoot } from './package-root.ts';
import { type PodPlan, planPods } from './pod-plan.ts';
import { formatProblem, type LocalProblem } from './problem.ts';
import { StateFolder } from './state-folder.ts';
import type { ProcessEnd } from './supervised-process.ts';
import { nodesOf } from './zones.ts';

export interface LocalMeshOptions {
  /** Folder of synthesized manifests. */
  readonly manifests: string;
  readonly stateFolder: string;
  /** Where the applications' commands are started. */
  readonly cwd: string;
  /** PATH, HOME, LANG and TMPDIR of it reach the processes; nothing else does. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What sidecars are started with. Default: Bun, with the proxy's source. */
  readonly proxyCommand?: readonly string[];
  /** Told in a line each: problems of the manifests, pods that become ready or not, processes that end. */
  readonly report: (line: string) => void;
}

const refreshMs = 500;
/** The same while pods start: somebody waits for them. */
const startingRefreshMs = 100;
/** That of the sidecars' admin servers, which every pod of the network listens on. */
const claimPort = proxyPorts.admin;

/** Runs the workloads of a folder of manifests as a mesh of processes on this machine, on loopback addresses. */
export class LocalMesh {
  readonly pods: readonly LocalPod[];
  private readonly options: LocalMeshOptions;
  private readonly state: StateFolder;
  private readonly credentials: LocalCredentials;
  private readonly network: LoopbackNetwork;
  private readonly source: FileSource;
  private readonly services = new Map<string, SelectingService>();
  private readonly tokenTimer: NodeJS.Timeout;
  private refreshTimer: NodeJS.Timeout | undefined = undefined;
  private refreshing: Promise<void> = Promise.resolve();
  private readonly waiting: (() => void)[] = [];
  private written = '';
  private writtenPids = '';
  private stopping = false;

  /**
   * Starts the control plane and all pods. Rejects when the folder cannot be read, has nothing to run, a mesh runs in
   * the state folder already, or there are no addresses.
   */
  static async start(options: LocalMeshOptions): Promise<LocalMesh> {
    const { objects, problems } = await readManifestFolder(options.manifests);
    const state = new StateFolder(options.stateFolder);
    const proxyCommand = options.proxyCommand ?? [
      bunProgram(options.environment.PATH ?? ''),
      join(packageRoot, 'proxy', 'main.ts'),
    ];
    const ended = await state.claim();
    if (ended > 0)
      options.report(`warning: ${ended} processes are ended that a mesh has left in ${state.path}: it was killed`);
    const network = await claimLoopbackNetwork(claimPort);
    const [identityIp, destinationIp] = [network.take(), network.take()];
    const installed = installedConfig(objects, problems);
    const controlPlane = controlPlaneAddresses(identityIp, destinationIp, installed.defaults);
    const config: InjectConfig = { ...installed, clusterNetworks: [network.cidr], controlPlane };
    const nowMs = Date.now();
    const credentials = await makeCredentials(state.credentials, config.trustDomain, config.meshNamespace, nowMs);
    // What runs here, with its addresses, before what the manifests say of the same pod.
    const sources = [state.objects, resolve(options.manifests)];
    const components = controlPlanePods({ config, credentials, identityIp, destinationIp, sources });
    const workloads = planPods(objects, config, () => network.take(), problems);
    if (workloads.length === 0) {
      for (const problem of problems) options.report(`warning: ${formatProblem(problem)}`);
      network.release();
      await state.release();
      throw new Error(
        `${options.manifests} has no workload to run: ${objects.length} objects were read, ${problems.length} problems found`,
      );
    }

    const environment = baseEnvironment(options.environment);
    const facts = objectFacts(objects, [...components, ...workloads], credentials.trustAnchors);
    const mesh = new LocalMesh(options, state, credentials, network, (onEnd) =>
      [...components, ...workloads].map(
        (plan) =>
          new LocalPod({
            plan,
            objects: facts,
            tokenFile: tokenFile(state, plan),
            proxyCommand,
            cwd: options.cwd,
            environment,
            logFile: (container) => state.logFile(`${plan.namespace}.${plan.name}`, container),
            atOnce: components.includes(plan),
            onEnd,
          }),
      ),
    );
    await mesh.begin(problems);
    await state.announce({
      pid: process.pid,
      manifests: resolve(options.manifests),
      network: network.cidr,
      meshNamespace: config.meshNamespace,
    });
    return mesh;
  }

  private constructor(
    options: LocalMeshOptions,
    state: StateFolder,
    credentials: LocalCredentials,
    network: LoopbackNetwork,
    makePods: (onEnd: (end: ProcessEnd) => void) => LocalPod[],
  ) {
    this.options = options;
    this.state = state;
    this.credentials = credentials;
    this.network = network;
    this.pods = makePods((end) => this.onEnd(end));
    // The same problems have been told when the workloads were read.
    this.source = new FileSource({ folders: [options.manifests], onProblem: () => {} });
    this.source.watch('Service', (event) => {
      const { metadata } = event.object;
      const key = `${metadata.namespace}/${metadata.name}`;
      if (event.type === 'deleted') this.services.delete(key);
      else this.services.set(key, event.object);
    });
    this.tokenTimer = setInterval(() => void this.writeTokens(), tokenLifetimeMs / 2);
  }

  get logs(): string {
    return this.state.logs;
  }

  /** Resolves with true once every pod is ready, with false when that takes longer than `timeoutMs` or the mesh is stopped. */
  async ready(timeoutMs: number): Promise<boolean> {
    const all = (): boolean => this.pods.every(({ ready }) => ready);
    const deadlineMs = Date.now() + timeoutMs;
    while (!all() && !this.stopping) {
      const leftMs = deadlineMs - Date.now();
      if (leftMs <= 0) return false;
      await this.nextRefresh(leftMs);
    }
    return all() && !this.stopping;
  }

  /** Stops the applications, then the control plane that their sidecars lean on. */
  async stop(): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    clearInterval(this.tokenTimer);
    clearTimeout(this.refreshTimer);
    this.source.close();
    await this.refreshing;
    // Who waits for pods to be ready has nothing to wait for any more.
    for (const resume of this.waiting.splice(0)) resume();
    const [identity, destination, ...workloads] = this.pods;
    await Promise.all(workloads.map((pod) => pod.stop()));
    await Promise.all([identity, destination].map((pod) => pod.stop()));
    this.network.release();
    await this.state.release();
  }

  private async begin(problems: readonly LocalProblem[]): Promise<void> {
    await this.source.synced;
    await this.writeTokens();
    await this.writeState();
    for (const pod of this.pods) pod.start();
    await this.writeProcesses();
    for (const problem of [...problems, ...this.pods.flatMap((pod) => pod.problems)]) {
      this.options.report(`warning: ${formatProblem(problem)}`);
    }
    this.refreshing = this.refresh();
  }

  private async refresh(): Promise<void> {
    const before = this.pods.map(({ ready }) => ready);
    await Promise.all(this.pods.map((pod) => pod.refresh()));
    this.pods.forEach((pod, index) => {
      if (pod.ready === before[index]) return;
      this.options.report(
        `${pod.plan.namespace}/${pod.plan.name} ${pod.ready ? `is ready at ${pod.plan.ip}` : 'is not ready'}`,
      );
    });
    try {
      await this.writeState();
      await this.writeProcesses();
    } catch (error) {
      this.options.report(`error: the state of the mesh cannot be written: ${(error as Error).message}`);
    }
    for (const resume of this.waiting.splice(0)) resume();
    if (this.stopping) return;
    const isStarting = this.pods.some(({ ready }) => !ready);
    this.refreshTimer = setTimeout(
      () => {
        this.refreshing = this.refresh();
      },
      isStarting ? startingRefreshMs : refreshMs,
    );
  }

  private nextRefresh(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private async writeState(): Promise<void> {
    const pods = this.pods.map((pod) => pod.object());
    const slices = endpointSlices([...this.services.values()], pods);
    const text = JSON.stringify([pods, slices]);
    if (text === this.written) return;
    await this.state.writeObjects('nodes', nodesOf(pods));
    await this.state.writeObjects('pods', pods);
    await this.state.writeObjects('endpoint-slices', slices);
    this.written = text;
  }

  private async writeProcesses(): Promise<void> {
    const pids = this.pods.flatMap(({ processes }) => processes.map(({ pid }) => pid));
    const text = pids.join(' ');
    if (text === this.writtenPids) return;
    const known = await Promise.all(pids.map(processOf));
    await this.state.writeProcesses(known.filter((each) => each !== undefined));
    this.writtenPids = text;
  }

  private async writeTokens(): Promise<void> {
    for (const { plan } of this.pods) {
      if (!plan.meshed) continue;
      const account = (plan.template.spec?.serviceAccountName as string | undefined) ?? 'default';
      await writeFile(tokenFile(this.state, plan), this.credentials.token(plan.namespace, account, Date.now()), {
        mode: 0o600,
      });
    }
  }

  private onEnd({ name, pid, reason, restartInMs }: ProcessEnd): void {
    const what =
      pid === undefined ? `${name} could not be started (${reason})` : `${name} (pid ${pid}) ended (${reason})`;
    this.options.report(`error: ${what}; it is started again in ${restartInMs} ms. Its log is in ${this.state.logs}`);
  }
}

const tokenFile = (state: StateFolder, { namespace, name }: PodPlan): string =>
  join(state.credentials, `${namespace}.${name}.token`);

/** `node` in a command is the Node that runs this. */
function baseEnvironment(environment: LocalMeshOptions['environment']): Record<string, string> {
  const { HOME, LANG, TMPDIR, NODE_COMPILE_CACHE, PATH = '' } = environment;
  const kept = { HOME, LANG, TMPDIR, NODE_COMPILE_CACHE, PATH: [dirname(process.execPath), PATH].join(delimiter) };
  return Object.fromEntries(Object.entries(kept).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** The ConfigMaps and Secrets among the manifests, and the trust roots that a cluster's control plane would write. */
function objectFacts(
  objects: readonly Manifest[],
  plans: readonly PodPlan[],
  trustAnchors: string,
): Pick<EnvFacts, 'configMaps' | 'secrets'> {
  const key = ({ metadata }: Manifest): string => `${metadata?.namespace ?? 'default'}/${metadata?.name ?? ''}`;
  const ofKind = (kind: string): Manifest[] => objects.filter((object) => object.kind === kind);
  const data = (object: Manifest, field: string): Record<string, string> =>
    (object[field] ?? {}) as Record<string, string>;
  const decoded = (values: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Buffer.from(value, 'base64').toString()]));
  const trustRoots = plans.map(
    ({ namespace }) => [`${namespace}/${trustRootsConfigMap}`, { 'ca-bundle.crt': trustAnchors }] as const,
  );
  return {
    configMaps: new Map([
      ...ofKind('ConfigMap').map((object) => [key(object), data(object, 'data')] as const),
      ...trustRoots,
    ]),
    secrets: new Map(
      ofKind('Secret').map(
        (object) => [key(object), { ...decoded(data(object, 'data')), ...data(object, 'stringData') }] as const,
      ),
    ),
  };
}
