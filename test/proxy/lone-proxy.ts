import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { openSockets } from './open-sockets.ts';
import { freePort } from './test-mesh.ts';

const root = join(import.meta.dirname, '../..');

interface LoneProxyOptions {
  /** For who has `environment` tell more of the admin server: any by default. */
  readonly adminPort?: number;
  /** How many descriptors it may have, when that is not what this process may. */
  readonly openFiles?: number | 'unlimited';
  /** Whether anybody reads its standard error. Default: yes. */
  readonly readsErrors?: boolean;
}

/**
 * A real proxy process in explicit mode, without identity: what comes to its inbound side goes to `upstreamPort`. It has
 * no control plane, unless `environment` names one.
 */
export class LoneProxy {
  readonly inbound: number;
  readonly outbound: number;
  readonly admin: number;
  private readonly child: ChildProcess;
  private output = '';

  static async start(
    upstreamPort: number,
    environment: Record<string, string> = {},
    { adminPort, openFiles = 'unlimited', readsErrors = true }: LoneProxyOptions = {},
  ): Promise<LoneProxy> {
    const ports = await Promise.all([freePort(), freePort(), adminPort ?? freePort(), freePort()]);
    const proxy = new LoneProxy(ports, upstreamPort, environment, openFiles, readsErrors);
    await proxy.started();
    return proxy;
  }

  private constructor(
    ports: number[],
    upstreamPort: number,
    environment: Record<string, string>,
    openFiles: number | 'unlimited',
    readsErrors: boolean,
  ) {
    const [inbound, outbound, admin, nobody] = ports;
    this.inbound = inbound;
    this.outbound = outbound;
    this.admin = admin;
    const program = [join(root, 'node_modules/.bin/bun'), join(root, 'proxy/main.ts')];
    const [file, ...args] =
      openFiles === 'unlimited' ? program : ['sh', '-c', `ulimit -n ${openFiles} && exec "$0" "$@"`, ...program];
    this.child = spawn(file, args, {
      env: {
        PATH: process.env['PATH'],
        LINKERD2_PROXY_EXPLICIT_MODE: 'true',
        LINKERD2_PROXY_IDENTITY_DISABLED: 'true',
        LINKERD2_PROXY_ADMIN_LISTEN_ADDR: `127.0.0.1:${admin}`,
        LINKERD2_PROXY_INBOUND_LISTEN_ADDR: `127.0.0.1:${inbound}`,
        LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR: `127.0.0.1:${outbound}`,
        LINKERD2_PROXY_INBOUND_PORTS: `${upstreamPort}`,
        LINKERD2_PROXY_DESTINATION_SVC_ADDR: `localhost:${nobody}`,
        LINKERD2_PROXY_DESTINATION_CONTEXT: '{"ns":"test"}',
        ...environment,
      },
    });
    const take = (chunk: Buffer): void => {
      this.output += chunk;
    };
    this.child.stdout?.on('data', take);
    if (readsErrors) this.child.stderr?.on('data', take);
  }

  /** Resident memory now, in MB. */
  memoryMb(): number {
    return this.statusMb('VmRSS');
  }

  /** The most resident memory that it had, in MB. */
  peakMemoryMb(): number {
    return this.statusMb('VmHWM');
  }

  /** CPU time used so far, in seconds. */
  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.child.pid}/stat`, 'latin1');
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    // Linux counts in hundredths for processes, whatever the kernel's own tick.
    return (Number(user) + Number(system)) / 100;
  }

  /** Stops it in the middle of what it does, until `goOn`. */
  stand(): void {
    this.child.kill('SIGSTOP');
  }

  goOn(): void {
    this.child.kill('SIGCONT');
  }

  /** Sockets that it has open now. */
  openSockets(): number {
    return openSockets(this.child.pid!);
  }

  /** Its exit code, once it has ended by itself. */
  ended(): Promise<number | null> {
    const { child } = this;
    if (child.exitCode !== null) return Promise.resolve(child.exitCode);
    return new Promise((resolve) => child.once('exit', resolve));
  }

  /** What its admin server tells now. */
  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.admin}/metrics`)).text();
  }

  /** All that it wrote. */
  get log(): string {
    return this.output;
  }

  /** What the process wrote; empty while nothing went wrong in it. */
  errors(): string {
    return this.output
      .split('\n')
      .filter((line) => line.includes('unexpected error'))
      .join('\n');
  }

  async stop(): Promise<void> {
    const ended = this.ended();
    this.child.kill('SIGKILL');
    await ended;
  }

  private statusMb(field: 'VmRSS' | 'VmHWM'): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  }

  private async started(): Promise<void> {
    const deadline = performance.now() + 15_000;
    while (performance.now() < deadline) {
      if (this.child.exitCode !== null) break;
      const live = await new Promise<boolean>((resolve) => {
        get({ host: '127.0.0.1', port: this.admin, path: '/live', agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode === 200);
        }).on('error', () => resolve(false));
      });
      if (live) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the proxy did not start: ${this.output}`);
  }
}
