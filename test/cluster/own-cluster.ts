import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fullName } from '../../images/oci-archive.ts';
import { makeCertificates } from './certificates.ts';
import { Kubectl } from './kubectl.ts';
import { Machines } from './machines.ts';
import {
  addresses,
  controlPlaneMachine,
  ipFamilies,
  makeNetwork,
  namespaceFile,
  nodeName,
  removeNetwork,
} from './network.ts';
import { areBuilt, buildPrograms, programsFolder } from './programs.ts';

/** Certificates, etcd's data, container storage and logs; TULLE_CLUSTER_STATE says another folder. */
export const stateFolder = (): string => resolve(process.env['TULLE_CLUSTER_STATE'] || '/var/lib/tulle-cluster');

interface ClusterRecord {
  readonly programs: string;
  readonly nodes: readonly string[];
  readonly apiPort: number;
}

export interface LoadableImage {
  readonly archive: string;
  readonly name?: string;
  readonly digest?: string;
}

export interface StartOptions {
  readonly nodes: number;
  readonly say: (line: string) => void;
}

const readyTimeoutMs = 120_000;

/** The cluster that this project builds itself. A machine runs one at a time, as its namespaces have fixed names. */
export class OwnCluster {
  readonly machines: Machines;
  readonly kubectl: Kubectl;
  readonly kubeconfig: string;
  readonly nodes: readonly string[];
  private readonly state: string;

  private constructor(state: string, record: ClusterRecord) {
    this.state = state;
    this.nodes = record.nodes;
    this.machines = new Machines(state);
    this.kubeconfig = join(state, 'kubeconfig');
    this.kubectl = new Kubectl(join(record.programs, 'bin/kubectl'), this.kubeconfig);
  }

  /** The cluster that runs, or undefined. Throws when it is of another version of the project than this one. */
  static running(state = stateFolder()): OwnCluster | undefined {
    const record = readRecord(state);
    if (record === undefined) return undefined;
    const cluster = new OwnCluster(state, record);
    const machines = [controlPlaneMachine, ...record.nodes];
    if (!machines.every((machine) => cluster.machines.isRunning(machine))) return undefined;
    if (record.programs !== programsFolder()) {
      throw new Error(
        `the cluster that runs has its programs in ${record.programs}, not in ${programsFolder()}: ${endIt}`,
      );
    }
    return cluster;
  }

  /** Starts a cluster, after building its programs where that was not done before. Resolves when all of it is ready. */
  static async start({ nodes: count, say }: StartOptions, state = stateFolder()): Promise<OwnCluster> {
    if (OwnCluster.running(state)) throw new Error(`a cluster runs already: ${endIt}`);
    const programs = programsFolder();
    for (const folder of [state, programs]) {
      if (folder.startsWith('/run/'))
        throw new Error(`${folder}: the machines have a /run of their own, use another folder`);
    }
    if (!areBuilt(programs)) await buildPrograms(programs, say);
    await OwnCluster.remove(state);
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    const record = { programs, nodes: numbers.map(nodeName), apiPort: await freePort() };
    const foreign = [controlPlaneMachine, ...record.nodes].map(namespaceFile).filter((file) => existsSync(file));
    if (foreign.length > 0) {
      throw new Error(`${foreign} exist: another cluster, whose state is not in ${state}, seems to run`);
    }
    mkdirSync(state, { recursive: true, mode: 0o700 });
    writeFileSync(recordFile(state), JSON.stringify(record));
    const cluster = new OwnCluster(state, record);
    try {
      const startedMs = Date.now();
      await cluster.bringUp(record);
      say(
        `cluster of ${count} nodes ready in ${((Date.now() - startedMs) / 1000).toFixed(1)} s: ${cluster.kubeconfig}`,
      );
    } catch (error) {
      await OwnCluster.stop(state);
      throw new Error(`the cluster did not come up; logs are in ${state}/log: ${(error as Error).message}`, {
        cause: error,
      });
    }
    return cluster;
  }

  /** Ends whatever runs of the cluster and deletes its state; the programs stay. */
  static async remove(state = stateFolder()): Promise<void> {
    await OwnCluster.stop(state);
    rmSync(state, { recursive: true, force: true });
  }

  /** Ends whatever runs of the cluster; its logs stay. */
  static async stop(state = stateFolder()): Promise<void> {
    const record = readRecord(state);
    if (record === undefined) return;
    const names = [controlPlaneMachine, ...record.nodes];
    const machines = new Machines(state);
    for (const name of names) await machines.kill(name);
    endForward(state);
    removeNetwork(names);
    // Pods end after their machine was killed, on a busy one a while after.
    for (const node of record.nodes) {
      await until(`the cgroups of ${node} are gone`, async () => removeCgroups(`tulle-${node}`));
    }
  }

  /** Imports archives of images on every node; those whose digest is known are left out where a node has them. */
  async loadImages(images: readonly LoadableImage[]): Promise<void> {
    await Promise.all(
      this.nodes.map(async (node) => {
        const present = (await this.machines.on(node, ['ctr', '-n', 'k8s.io', 'images', 'ls'])).split('\n');
        for (const { archive, name, digest } of images) {
          const isThere =
            name && digest && present.some((line) => line.startsWith(`${fullName(name)} `) && line.includes(digest));
          if (!isThere) await this.machines.on(node, ['ctr', '-n', 'k8s.io', 'images', 'import', resolve(archive)]);
        }
      }),
    );
  }

  private async bringUp({ programs, nodes, apiPort }: ClusterRecord): Promise<void> {
    await makeCertificates(this.state, nodes, apiPort);
    const families = ipFamilies();
    makeNetwork(nodes.length, families);
    const env = {
      PROGRAMS: programs,
      CP_IP: addresses.controlPlane,
      POD_NETS: families.map(({ pods }) => pods).join(),
      SERVICE_NETS: families.map(({ services }) => services).join(),
      DNS_IP: addresses.dns,
    };
    await this.machines.start(controlPlaneMachine, env);
    this.startForward(apiPort);
    for (const [index, node] of nodes.entries()) {
      const own = {
        NODE_IPS: families.map((family) => family.node(index + 1)).join(),
        POD_RANGES: JSON.stringify(families.map(({ podsOfNode }) => [{ subnet: podsOfNode(index + 1) }])),
        POD_ROUTES: JSON.stringify(families.map(({ everywhere }) => ({ dst: everywhere }))),
      };
      await this.machines.start(node, { ...env, ...own });
    }
    const { kubectl } = this;
    await until('the API server is ready', () => kubectl.run(['get', '--raw', '/readyz']));
    const coredns = readFileSync(join(import.meta.dirname, 'machine/conf/coredns.yaml'), 'utf8');
    await kubectl.apply(coredns.replace('@DNS_IP@', addresses.dns));
    const proxier = ['--clusterrole=system:node-proxier', '--user=system:kube-proxy'];
    await kubectl.run(['create', 'clusterrolebinding', 'kube-proxy', ...proxier]);
    for (const node of nodes) await until(`${node} has registered`, () => kubectl.run(['get', 'node', node]));
    await kubectl.run(['wait', '--for=condition=Ready', '--timeout=120s', 'node', '--all']);
    await kubectl.rollout('deployment/coredns', 'kube-system');
  }

  /** From a port of the host to the socket file of the control plane. It outlives this process, as the machines do. */
  private startForward(apiPort: number): void {
    const log = openSync(join(this.state, 'log/forward'), 'a', 0o600);
    const listen = `TCP-LISTEN:${apiPort},bind=127.0.0.1,reuseaddr,fork`;
    const child = spawn('socat', [listen, `UNIX-CONNECT:${join(this.state, 'api.sock')}`], {
      stdio: ['ignore', log, log],
      detached: true,
    });
    child.unref();
    writeFileSync(join(this.state, 'forward.pid'), `${child.pid}`);
  }
}

const endIt = "'npm run cluster -- down' ends it";
const recordFile = (state: string): string => join(state, 'cluster.json');

function readRecord(state: string): ClusterRecord | undefined {
  return existsSync(recordFile(state)) ? JSON.parse(readFileSync(recordFile(state), 'utf8')) : undefined;
}

function endForward(state: string): void {
  const file = join(state, 'forward.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8'));
  const commandLine = `/proc/${pid}/cmdline`;
  // The number may be another process's by now.
  if (existsSync(commandLine) && readFileSync(commandLine, 'utf8').includes(join(state, 'api.sock'))) {
    process.kill(pid, 'SIGKILL');
  }
}

/** The kubelet makes cgroups under `name` and leaves them when it is killed. */
function removeCgroups(name: string): void {
  const find = `/sys/fs/cgroup -depth -type d -path */${name}* -exec rmdir {} +`;
  execFileSync('find', find.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] });
}

async function until(what: string, attempt: () => Promise<unknown>): Promise<void> {
  const deadlineMs = Date.now() + readyTimeoutMs;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (Date.now() > deadlineMs) {
        throw new Error(`not so after ${readyTimeoutMs / 1000} s: ${what}: ${(error as Error).message}`);
      }
      await sleep(200);
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolvePort(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
