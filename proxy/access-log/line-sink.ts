import type { TimerHandle, Timers } from '../clock.ts';
import { OutputBuffer } from '../wire/output-buffer.ts';

/** Writes bytes somewhere, and says how many were taken, or what went wrong, when they were. One write at a time. */
export type WriteBytes = (bytes: Uint8Array, done: (error: { code?: string } | null, written: number) => void) => void;

export interface LineSinkOptions {
  readonly write: WriteBytes;
  readonly timers: Timers;
  /** `count` lines were given up. */
  readonly onDropped: (count: number) => void;
}

/** Lines are gathered for so long, or until they are so many bytes: one write for many of them. */
const gatherMs = 20;
const gatheredBytes = 256 * 1024;
/** What waits while nobody reads, in bytes. */
const mostWaiting = 1024 * 1024;
/** A reader that takes nothing now is tried again after this. */
const retryMs = 100;

/**
 * Takes lines faster than their reader does: those that there is no room for are dropped and counted, and who writes them
 * never waits.
 */
export class LineSink {
  private readonly options: LineSinkOptions;
  /** Lines that wait, and how many they are. */
  private waiting = new OutputBuffer();
  private lines = 0;
  /** Those of the write that is under way: what it is from is written to again when it is over. */
  private written = new OutputBuffer();
  /** How many there are in the write that is under way. */
  private writing = 0;
  private busy = false;
  /** Until what is gathered is written; undefined while a write is under way, and when there is nothing. */
  private timer: TimerHandle = undefined;
  private drained: (() => void) | undefined = undefined;

  constructor(options: LineSinkOptions) {
    this.options = options;
  }

  /** Where the next line is to be written, behind those that wait: `end` is told where it began. */
  begin(): OutputBuffer {
    return this.waiting;
  }

  /** A line stands there from `start` on, and ends with a line feed. It is given up where there is no room for it. */
  end(start: number): void {
    if (this.waiting.length > mostWaiting) {
      this.waiting.length = start;
      this.options.onDropped(1);
      return;
    }
    this.lines++;
    if (!this.busy) this.gather();
    else if (this.timer !== undefined && this.waiting.length >= gatheredBytes) {
      this.options.timers.cancel(this.timer);
      this.writeGathered();
    }
  }

  /** Calls back once all of it is written, or after `mostMs`: whoever reads may never go on. */
  drain(mostMs: number, done: () => void): void {
    const { timers } = this.options;
    const timer = timers.after(mostMs, () => this.drained?.());
    this.drained = () => {
      this.drained = undefined;
      timers.cancel(timer);
      done();
    };
    if (!this.busy) this.drained();
  }

  /** What has come during a write may be a line or two, or nothing yet. */
  private gatherMore(): void {
    if (this.drained !== undefined || this.waiting.length >= gatheredBytes) this.writeGathered();
    else this.gather();
  }

  private gather(): void {
    this.busy = true;
    this.timer = this.options.timers.after(gatherMs, () => this.writeGathered());
  }

  private writeGathered(): void {
    this.timer = undefined;
    this.writing = this.lines;
    if (this.writing === 0) {
      this.busy = false;
      // Room that much was written in is not held while nothing is.
      this.waiting = new OutputBuffer();
      this.written = new OutputBuffer();
      this.drained?.();
      return;
    }
    const gathered = this.waiting;
    this.waiting = this.written;
    this.waiting.length = 0;
    this.written = gathered;
    this.lines = 0;
    this.write(gathered.bytes.subarray(0, gathered.length));
  }

  private write(bytes: Uint8Array): void {
    this.options.write(bytes, (error, written) => {
      if (error === null && written >= bytes.length) this.gatherMore();
      else if (error === null) this.write(bytes.subarray(written));
      else if (error.code === 'EAGAIN') this.options.timers.after(retryMs, () => this.write(bytes));
      else {
        this.options.onDropped(this.writing);
        this.gatherMore();
      }
    });
  }
}
