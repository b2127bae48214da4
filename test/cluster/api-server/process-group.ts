import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The processes of one server, and their logs. */
export class ProcessGroup {
  private readonly children = new Map<string, ChildProcess>();
  private readonly folder: string;
  private readonly killAll = (): void => {
    for (const child of this.children.values()) child.kill('SIGKILL');
  };

  constructor(folder: string) {
    this.folder = folder;
    process.on('exit', this.killAll);
  }

  run(program: string, args: readonly string[]): void {
    const name = program.slice(program.lastIndexOf('/') + 1);
    // What proxy the machine has is not for a server on loopback.
    const env = { PATH: process.env['PATH'], NO_PROXY: '*' };
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    const log = createWriteStream(join(this.folder, `${name}.log`), { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    this.children.set(name, child);
  }

  /** Tries until it works; rejects when the time is over or a process has ended. */
  async until(limitMs: number, check: () => Promise<void>): Promise<void> {
    const end = Date.now() + limitMs;
    for (;;) {
      try {
        return await check();
      } catch (error) {
        const dead = [...this.children].find(([, child]) => child.exitCode !== null);
        if (dead !== undefined) throw new Error(`${dead[0]} ended: ${this.logEnd(dead[0])}`);
        if (Date.now() > end) {
          throw new Error(
            `no API server within ${limitMs} ms: ${(error as Error).message}: ${this.logEnd('kube-apiserver')}`,
          );
        }
        await sleep(200);
      }
    }
  }

  async end(name: string, signal: NodeJS.Signals): Promise<void> {
    const child = this.children.get(name);
    this.children.delete(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
  }

  async endAll(): Promise<void> {
    // The API server first: it would wait for its etcd.
    for (const name of [...this.children.keys()].reverse()) await this.end(name, 'SIGKILL');
    process.off('exit', this.killAll);
  }

  private logEnd(name: string): string {
    return readFileSync(join(this.folder, `${name}.log`), 'utf8').slice(-2000);
  }
}
