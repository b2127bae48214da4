import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { RestartDelay } from './restart-delay.ts';

export interface ProcessSpec {
  /** `web-0/tulle-proxy`: what people are told. */
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Standard output and error are appended here. */
  readonly logFile: string;
}

/** `pid` is undefined when the process could not be started. */
export interface ProcessEnd {
  readonly name: string;
  readonly pid: number | undefined;
  /** `exit code 1`, `signal SIGKILL`, or why it did not start. */
  readonly reason: string;
  readonly restartInMs: number;
}

const restart = { initialMs: 500, maxMs: 30_000, soundAfterMs: 20_000 };

/** Runs a process, and runs it again when it ends, until it is stopped. */
export class SupervisedProcess {
  private readonly spec: ProcessSpec;
  private readonly onEnd: (end: ProcessEnd) => void;
  private readonly delay = new RestartDelay(restart);
  private child: ChildProcess | undefined = undefined;
  private timer: NodeJS.Timeout | undefined = undefined;
  private stopping: (() => void) | undefined = undefined;

  constructor(spec: ProcessSpec, onEnd: (end: ProcessEnd) => void) {
    this.spec = spec;
    this.onEnd = onEnd;
    this.start();
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Asks the process to end, and kills it when it has not within `graceMs`. Resolves once it is gone. */
  stop(graceMs: number): Promise<void> {
    clearTimeout(this.timer);
    const { child } = this;
    if (child === undefined || this.stopping !== undefined) {
      this.stopping ??= () => {};
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const kill = setTimeout(() => signalGroup(child, 'SIGKILL'), graceMs);
      this.stopping = () => {
        clearTimeout(kill);
        resolve();
      };
      signalGroup(child, 'SIGTERM');
    });
  }

  private start(): void {
    const startedMs = Date.now();
    const { command, env, cwd, logFile } = this.spec;
    const log = openSync(logFile, 'a', 0o600);
    // A group of its own: Ctrl-C in the terminal must reach the runner alone, which then stops things in order.
    const child = spawn(command[0], command.slice(1), { cwd, env, stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    this.child = child;
    let ended = false;
    const end = (reason: string): void => {
      if (ended) return;
      ended = true;
      this.child = undefined;
      if (this.stopping !== undefined) {
        this.stopping();
        return;
      }
      const restartInMs = this.delay.after(Date.now() - startedMs);
      this.timer = setTimeout(() => this.start(), restartInMs);
      this.onEnd({ name: this.spec.name, pid: child.pid, reason, restartInMs });
    };
    child.on('error', (error) => end(error.message));
    child.on('exit', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`));
  }
}

/** What an application started itself goes with it. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
