import type { FromWorker, ToWorker } from './messages.ts';

export interface WorkerChannelOptions {
  readonly metricsText: () => string;
  readonly setLogFilter: (filter: string) => void;
  /** The first process is gone: nobody would count, log or stop this one any more. */
  readonly onOrphaned: () => void;
}

/** A worker's link to the proxy's first process. */
export class WorkerChannel {
  private readonly process: NodeJS.Process;

  constructor(process: NodeJS.Process, options: WorkerChannelOptions) {
    this.process = process;
    process.on('message', (message: ToWorker) => {
      if (message.kind === 'log filter') options.setLogFilter(message.filter);
      else this.send({ kind: 'scraped', id: message.id, text: options.metricsText() });
    });
    process.on('disconnect', options.onOrphaned);
  }

  ready(ready: boolean): void {
    this.send({ kind: 'ready', ready });
  }

  private send(message: FromWorker): void {
    if (this.process.connected) this.process.send?.(message);
  }
}
