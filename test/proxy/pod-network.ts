/**
 * Pods' networks without a cluster: network namespaces joined by a router, which is the namespace that the calling
 * process runs in. It must be one of its own (`unshare -n`), which has no way out. Needs root. Namespaces live as long
 * as the process that holds them, so nothing stays behind.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';

export interface Addresses {
  readonly v4: string;
  readonly v6: string;
}

/** What a pod takes for everything that is not itself. */
export const router: Addresses = { v4: '10.0.0.1', v6: 'fd00::1' };

/** Runs a command in this namespace. Throws with what it wrote when it fails. */
export const run = (command: string): string =>
  execFileSync('sh', ['-c', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

/** Makes this namespace the router; also takes the addresses given. */
export function startRouter(...more: string[]): void {
  run('ip link set lo up && sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1');
  run(`ip addr add ${router.v4}/32 dev lo && ip -6 addr add ${router.v6}/128 dev lo nodad`);
  for (const address of more) run(`ip addr add ${address}/32 dev lo`);
}

export class PodNetwork {
  readonly addresses: Addresses;
  private readonly holder: ChildProcess;

  /** A new namespace, with an interface of its own whose other end is the router's. */
  constructor(name: string, addresses: Addresses) {
    this.addresses = addresses;
    // `cat` ends with this process, whose end of the pipe closes then.
    this.holder = spawn('unshare', ['-n', 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const { pid } = this.holder;
    const link = `veth-${name}`;
    run(`until [ "$(readlink /proc/${pid}/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done`);
    run(`ip link add ${link} type veth peer name eth0 netns ${pid} && ip link set ${link} up`);
    run(`ip addr add 169.254.0.1/32 dev ${link} && ip -6 addr add fe80::1/64 dev ${link} nodad`);
    this.run('ip link set lo up && ip link set eth0 up');
    this.run(`ip addr add ${addresses.v4}/32 dev eth0 && ip -6 addr add ${addresses.v6}/128 dev eth0 nodad`);
    this.run('ip route add 169.254.0.1 dev eth0 && ip route add default via 169.254.0.1');
    this.run('ip -6 route add default via fe80::1 dev eth0');
    run(`ip route add ${addresses.v4}/32 dev ${link} && ip -6 route add ${addresses.v6}/128 dev ${link}`);
  }

  /** The command line that runs a program in this pod. */
  inside(command: readonly string[], uid?: number): string[] {
    const user = uid === undefined ? [] : ['-S', `${uid}`, '-G', `${uid}`];
    return ['nsenter', '-t', `${this.holder.pid}`, '-n', ...user, '--', ...command];
  }

  run(command: string): string {
    const [program, ...args] = this.inside(['sh', '-c', command]);
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  }

  stop(): void {
    this.holder.kill('SIGKILL');
  }
}
