import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { namespaceFile } from './network.ts';

const script = join(import.meta.dirname, 'machine/machine.sh');

/** The machines of a cluster: each is a process that is PID 1 of namespaces of its own (machine/machine.sh). */
export class Machines {
  private readonly state: string;

  constructor(state: string) {
    this.state = state;
  }

  /** Starts a machine, whose network namespace must be there. It lives until `kill`, whatever becomes of this process. */
  async start(machine: string, env: Readonly<Record<string, string>>): Promise<void> {
    mkdirSync(join(this.state, 'log'), { recursive: true });
    const log = openSync(join(this.state, 'log', `${machine}.machine`), 'a', 0o600);
    const child = spawn(
      'nsenter',
      [
        ...[`--net=${namespaceFile(machine)}`, '--', 'unshare', '--fork', '--kill-child'],
        ...['--pid', '--mount', '--uts', '--ipc', '--cgroup', script],
      ],
      {
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: '/root',
          ...env,
          MACHINE: machine,
          STATE: this.state,
          CONF: join(import.meta.dirname, 'machine/conf'),
        },
        stdio: ['ignore', log, log],
        detached: true,
      },
    );
    child.unref();
    const deadlineMs = Date.now() + 10_000;
    for (;;) {
      const init = firstChild(child.pid!);
      if (init !== undefined) {
        writeFileSync(this.pidFile(machine), `${init}`);
        return;
      }
      if (child.exitCode !== null || Date.now() > deadlineMs) {
        throw new Error(`machine ${machine} did not start: see ${this.state}/log/${machine}.machine`);
      }
      await sleep(20);
    }
  }

  /** Whether the machine runs; a process that got the number of one that is gone does not count. */
  isRunning(machine: string): boolean {
    try {
      const namespace = statSync(`/proc/${this.pid(machine)}/ns/net`);
      return namespace.ino === statSync(namespaceFile(machine)).ino;
    } catch {
      return false;
    }
  }

  /** Ends all processes of a machine at once, as a power cut would. */
  async kill(machine: string): Promise<void> {
    if (!this.isRunning(machine)) return;
    process.kill(this.pid(machine), 'SIGKILL');
    const deadlineMs = Date.now() + 20_000;
    while (this.isRunning(machine)) {
      if (Date.now() > deadlineMs) throw new Error(`machine ${machine} (process ${this.pid(machine)}) does not end`);
      await sleep(20);
    }
  }

  /** Runs a command on a machine and returns what it printed. */
  async on(machine: string, command: readonly string[], timeoutMs = 120_000): Promise<string> {
    const args = ['-t', `${this.pid(machine)}`, '-n', '-m', '-p', '-u', '-i', '--', ...command];
    const options = { timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 };
    return (await promisify(execFile)('nsenter', args, options)).stdout;
  }

  /** Runs a command on a machine for a person: with this process's input and output. */
  run(machine: string, command: readonly string[]): void {
    execFileSync('nsenter', ['-t', `${this.pid(machine)}`, '-n', '-m', '-p', '-u', '-i', '--', ...command], {
      stdio: 'inherit',
    });
  }

  /** Ends one program of a machine, such as `kubelet` or `kube-apiserver`, until `startProgram`. */
  async stopProgram(machine: string, program: string, signal = 'KILL'): Promise<void> {
    const pidFile = join(this.state, 'programs', machine, `${program}.pid`);
    if (!existsSync(pidFile)) throw new Error(`${program} does not run on machine ${machine}`);
    writeFileSync(this.stoppedFile(machine, program), '');
    await this.on(machine, ['kill', `-${signal}`, readFileSync(pidFile, 'utf8').trim()]);
  }

  startProgram(machine: string, program: string): void {
    rmSync(this.stoppedFile(machine, program), { force: true });
  }

  private readonly stoppedFile = (machine: string, program: string): string =>
    join(this.state, 'programs', machine, `${program}.stopped`);

  private readonly pidFile = (machine: string): string => join(this.state, `${machine}.pid`);
  private readonly pid = (machine: string): number => Number(readFileSync(this.pidFile(machine), 'utf8'));
}

function firstChild(pid: number): number | undefined {
  const file = `/proc/${pid}/task/${pid}/children`;
  const children = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  return children === '' ? undefined : Number(children.split(' ')[0]);
}
