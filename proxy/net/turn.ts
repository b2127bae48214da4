import type { Flushable, Turn } from '../wire/transport.ts';

/**
 * The data path's turn: what was scheduled while reading is flushed together in `setImmediate`, after all sockets that
 * were readable have been read. In a microtask, or at the end of each read, requests would not share their writes.
 */
export class EventLoopTurn implements Turn {
  private scheduled: Flushable[] = [];
  private flushing: Flushable[] = [];
  private readonly run = (): void => this.flushAll();

  schedule(connection: Flushable): void {
    if (connection.scheduled) return;
    connection.scheduled = true;
    if (this.scheduled.push(connection) === 1) setImmediate(this.run);
  }

  private flushAll(): void {
    const batch = this.scheduled;
    this.scheduled = this.flushing;
    this.flushing = batch;
    for (let i = 0; i < batch.length; i++) {
      const connection = batch[i];
      connection.scheduled = false;
      try {
        connection.flush();
      } catch (error) {
        // The others of this turn must not wait for ever because of one.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    batch.length = 0;
  }
}
