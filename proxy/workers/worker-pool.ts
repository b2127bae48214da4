import { type ChildProcess, spawn } from 'node:child_process';
import type { TimerHandle, Timers } from '../clock.ts';
import { BackOff } from '../resilience/back-off.ts';
import type { Log } from '../telemetry/log.ts';
import { MergedMetrics } from './merge-metrics.ts';
import { type FromWorker, type ToWorker, workerArgument } from './messages.ts';
import { type Tapping, type TapReports, WorkerTaps } from './worker-taps.ts';

export interface WorkerPoolOptions {
  /** Workers besides the process that owns the pool. */
  readonly count: number;
  /** Program and arguments of this process; `worker` is added. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly timers: Timers;
  readonly random: () => number;
  readonly log: Log;
}

interface Worker {
  readonly index: number;
  readonly backOff: BackOff;
  process: ChildProcess | undefined;
  ready: boolean;
  /** Who waits for its metrics, by the id of the question. */
  readonly scrapes: Map<number, Scraped>;
}

/** What a worker has said of its metrics so far. */
interface Scraped {
  readonly pieces: string[];
  /** Runs out when it says nothing more. */
  timer: TimerHandle;
  /** They are all there, or, without them, nothing comes. */
  readonly done: (pieces: readonly string[]) => void;
}

/** A worker that says nothing in this time is left out of a scrape. */
const scrapeTimeoutMs = 2000;

/**
 * The proxy's other processes, one for each further core. All listen on the same addresses, and the kernel spreads
 * connections over them (SO_REUSEPORT); one that ends is started again.
 */
export class WorkerPool {
  private readonly options: WorkerPoolOptions;
  private readonly workers: Worker[];
  private readonly taps: WorkerTaps;
  private nextScrape = 1;
  private stopping = false;

  constructor(options: WorkerPoolOptions) {
    this.options = options;
    this.workers = Array.from({ length: options.count }, (_, index) => ({
      index: index + 1,
      backOff: new BackOff(100, 10_000, 0.5, options.random),
      process: undefined,
      ready: false,
      scrapes: new Map(),
    }));
    this.taps = new WorkerTaps((message, index) => {
      for (const worker of this.workers) if (index === undefined || worker.index === index) this.tell(worker, message);
    });
  }

  get ready(): boolean {
    return this.workers.every(({ ready }) => ready);
  }

  start(): void {
    for (const worker of this.workers) this.launch(worker);
  }

  /** The metrics of all processes as those of one proxy, in pieces of whole lines. */
  async *scrape(own: Iterable<string>, withExemplars: boolean): AsyncGenerator<string, void> {
    const merged = new MergedMetrics();
    const others = this.workers.map((worker) => this.scrapeOne(worker, withExemplars));
    for (const pieces of [own, ...others]) {
      const take = merged.source();
      for (const piece of await pieces) {
        take(piece);
        // Connections are served meanwhile.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    yield* merged.pieces();
  }

  setLogFilter(filter: string): void {
    for (const worker of this.workers) this.tell(worker, { kind: 'log filter', filter });
  }

  /** A tap on the requests of all workers; `request` is an encoded ObserveRequest. */
  tap(request: Uint8Array, reports: TapReports): Tapping {
    return this.taps.begin(request, reports);
  }

  /** Has all of them finish what is under way, and resolves when they have ended. */
  async shutdown(): Promise<void> {
    this.stopping = true;
    await Promise.all(
      this.workers.map(
        ({ process }) =>
          new Promise<void>((resolve) => {
            if (process === undefined || process.exitCode !== null || process.signalCode !== null) resolve();
            else {
              process.once('exit', () => resolve());
              process.kill('SIGTERM');
            }
          }),
      ),
    );
  }

  private launch(worker: Worker): void {
    const { command, environment, log } = this.options;
    const [program, ...args] = command;
    const child = spawn(program, [...args, workerArgument], {
      env: environment,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    worker.process = child;
    const ended = (reason: string): void => {
      if (worker.process !== child) return;
      worker.process = undefined;
      worker.ready = false;
      for (const { timer, done } of worker.scrapes.values()) {
        this.options.timers.cancel(timer);
        done([]);
      }
      worker.scrapes.clear();
      this.taps.onEnded(worker.index);
      if (this.stopping) return;
      const delayMs = worker.backOff.delayMs();
      log.error('worker ended; it is started again', { worker: worker.index, reason, delayMs: Math.round(delayMs) });
      this.options.timers.after(delayMs, () => {
        if (!this.stopping) this.launch(worker);
      });
    };
    child.on('error', (error) => ended(error.message));
    child.on('exit', (code, signal) => ended(signal ?? `exit code ${code}`));
    child.on('message', (message: FromWorker) => this.onMessage(worker, message));
    this.taps.onStarted(worker.index);
  }

  private onMessage(worker: Worker, message: FromWorker): void {
    if (message.kind === 'ready') {
      worker.ready = message.ready;
      if (message.ready) worker.backOff.reset();
      return;
    }
    if (message.kind !== 'scraped') {
      this.taps.onMessage(worker.index, message);
      return;
    }
    const scraped = worker.scrapes.get(message.id);
    if (scraped === undefined) return;
    this.options.timers.cancel(scraped.timer);
    scraped.pieces.push(message.piece);
    if (message.last) {
      worker.scrapes.delete(message.id);
      scraped.done(scraped.pieces);
    } else scraped.timer = this.leaveOut(worker, message.id);
  }

  private scrapeOne(worker: Worker, exemplars: boolean): Promise<readonly string[]> {
    if (worker.process === undefined) return Promise.resolve([]);
    const id = this.nextScrape++;
    return new Promise((done) => {
      worker.scrapes.set(id, { pieces: [], timer: this.leaveOut(worker, id), done });
      this.tell(worker, { kind: 'scrape', id, exemplars });
    });
  }

  /** Goes on without a worker when nothing of it comes in time. */
  private leaveOut(worker: Worker, id: number): TimerHandle {
    const { timers, log } = this.options;
    return timers.after(scrapeTimeoutMs, () => {
      log.warn('a worker did not answer a scrape', { worker: worker.index });
      worker.scrapes.get(id)?.done([]);
      worker.scrapes.delete(id);
    });
  }

  private tell(worker: Worker, message: ToWorker): void {
    if (worker.process?.connected) worker.process.send(message);
  }
}
