import type { FromWorker, ToWorker } from './messages.ts';
import { type Tapping, type TapReport, ToldTaps } from './worker-taps.ts';

export interface WorkerChannelOptions {
  readonly metrics: (withExemplars: boolean) => Generator<string, void>;
  readonly setLogFilter: (filter: string) => void;
  /** Begins a tap on the requests of this process; `request` is an encoded ObserveRequest. */
  readonly tap: (request: Uint8Array, report: (report: TapReport) => boolean) => Tapping;
  /** The first process is gone: nobody would count, log or stop this one any more. */
  readonly onOrphaned: () => void;
}

/** A worker's link to the proxy's first process. */
export class WorkerChannel {
  private readonly process: NodeJS.Process;

  constructor(process: NodeJS.Process, options: WorkerChannelOptions) {
    this.process = process;
    const taps = new ToldTaps(options.tap, (message) => this.send(message));
    process.on('message', (message: ToWorker) => {
      if (message.kind === 'log filter') options.setLogFilter(message.filter);
      else if (message.kind === 'scrape') this.sendMetrics(message.id, options.metrics(message.exemplars));
      else taps.onMessage(message);
    });
    process.on('disconnect', options.onOrphaned);
  }

  ready(ready: boolean): void {
    this.send({ kind: 'ready', ready });
  }

  /** One piece in each turn, so that connections do not wait for all of them. */
  private sendMetrics(id: number, pieces: Generator<string, void>): void {
    const { value, done = false } = pieces.next();
    this.send({ kind: 'scraped', id, piece: value ?? '', last: done });
    if (!done && this.process.connected) setImmediate(() => this.sendMetrics(id, pieces));
  }

  private send(message: FromWorker): void {
    if (this.process.connected) this.process.send?.(message);
  }
}
