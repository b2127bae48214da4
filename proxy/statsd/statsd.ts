import type { Timers } from '../clock.ts';
import { Lines, type TagFormat } from './lines.ts';
import { Measurements } from './measurements.ts';
import { Packets } from './packets.ts';

/** Sends datagrams to one place. Never waits: one that does not leave at once is lost. */
export interface DatagramSender {
  /** Whether it left. */
  send(packet: string): boolean;
  readonly mostBytes: number;
  close(): void;
}

export interface StatsdOptions {
  readonly sender: DatagramSender;
  readonly timers: Timers;
  /** All metrics of the proxy, in pieces of whole lines. */
  readonly scrape: () => Iterable<string> | AsyncIterable<string>;
  readonly intervalMs: number;
  readonly prefix: string;
  readonly tags: TagFormat;
  /** A packet left, or did not. */
  readonly onPacket: (left: boolean) => void;
}

/** Sends what was counted and measured since the last time, again and again. */
export class Statsd {
  private readonly options: StatsdOptions;
  private readonly measurements = new Measurements();
  private readonly lines: Lines;
  private readonly packets: Packets;
  private closed = false;

  constructor(options: StatsdOptions) {
    this.options = options;
    this.lines = new Lines(options.prefix, options.tags);
    this.packets = new Packets(options.sender.mostBytes);
  }

  start(): void {
    if (this.closed) return;
    const { timers, intervalMs } = this.options;
    timers.after(intervalMs, () => void this.report().then(() => this.start()));
  }

  /** Sends what is new now. */
  async report(): Promise<void> {
    this.measurements.begin();
    for await (const piece of this.options.scrape()) {
      for (const measured of this.measurements.of(piece)) this.send(this.packets.add(this.lines.of(measured)));
      // Requests go on between two pieces.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.send(this.packets.take());
  }

  /** Sends the last of it. */
  async close(): Promise<void> {
    this.closed = true;
    await this.report();
    this.options.sender.close();
  }

  private send(packet: string | undefined): void {
    if (packet !== undefined) this.options.onPacket(this.options.sender.send(packet));
  }
}
