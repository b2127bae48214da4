import type { Gzip } from 'node:zlib';
import type { TimerHandle, Timers } from '../clock.ts';
import { Field, fieldValue } from '../wire/field.ts';
import { responseHead } from '../wire/heads.ts';
import { ErrorCode, type RequestHead, type ServerStream, type StreamHandler } from '../wire/stream.ts';
import { type ExpositionFormat, formatFor, type Pieces } from './exposition-format.ts';

/** What is told now, in Prometheus' text format, and of buckets whether the traces of values. */
export type Metrics = (withExemplars: boolean) => Pieces;

/** At once, of all clients, and of each other host. */
const maxScrapes = 16;
const maxScrapesOfHost = 4;
/** A client that has not taken all by then gets no more: Prometheus gives up after ten seconds. */
const scrapeMs = 30_000;
/** Bytes that may wait for a client before the next piece is made. */
const highWaterBytes = 64 * 1024;

/**
 * The scrapes under way. Whoever reaches the admin port may ask for metrics, on the thread that carries all traffic: so
 * they are written piece by piece with a turn of the event loop between, no faster than the client takes them, and few
 * at a time.
 */
export class Scrapes {
  private readonly timers: Timers;
  private readonly metrics: Metrics;
  private readonly underWay: Scrape[] = [];

  constructor(timers: Timers, metrics: Metrics) {
    this.timers = timers;
    this.metrics = metrics;
  }

  /** Begins to answer; undefined when there are too many. `host` is undefined for this one. */
  begin(stream: ServerStream, head: RequestHead, host: string | undefined): StreamHandler | undefined {
    const { underWay } = this;
    const ofHost = host === undefined ? 0 : underWay.filter((scrape) => scrape.host === host).length;
    if (underWay.length >= maxScrapes || ofHost >= maxScrapesOfHost) return undefined;
    const scrape = new Scrape(stream, host, this.timers, () => underWay.splice(underWay.indexOf(scrape), 1));
    underWay.push(scrape);
    const format = formatFor(head.fields);
    void scrape.answer(head, format, format.written(this.metrics(format.withExemplars)));
    return scrape;
  }
}

/** One of them. */
class Scrape implements StreamHandler {
  readonly host: string | undefined;
  private readonly stream: ServerStream;
  private readonly timers: Timers;
  private readonly timer: TimerHandle;
  private readonly onOver: () => void;
  private over = false;
  private unsentBytes = 0;
  private goOn: (() => void) | undefined = undefined;

  constructor(stream: ServerStream, host: string | undefined, timers: Timers, onOver: () => void) {
    this.stream = stream;
    this.host = host;
    this.timers = timers;
    this.onOver = onOver;
    this.timer = timers.after(scrapeMs, () => this.breakOff('the scrape took too long'));
  }

  async answer(head: RequestHead, { contentType }: ExpositionFormat, pieces: Pieces): Promise<void> {
    try {
      const gzip = /\bgzip\b/.test(fieldValue(head.fields, 'accept-encoding') ?? '') ? await this.gzip() : undefined;
      const fields = [new Field('content-type', contentType)];
      if (gzip !== undefined) fields.push(new Field('content-encoding', 'gzip'));
      this.stream.sendResponse(responseHead(200, -1, fields), head.method === 'HEAD');
      if (head.method !== 'HEAD') await this.send(pieces, gzip);
      this.finish();
    } catch (error) {
      this.breakOff((error as Error).message);
    }
  }

  onData(chunk: Uint8Array): void {
    this.stream.credit(chunk.length);
  }

  onTrailers(): void {}

  onSent(bytes: number): void {
    this.unsentBytes -= bytes;
    if (this.unsentBytes < highWaterBytes) this.wake();
  }

  onReset(): void {
    this.finish();
  }

  private async send(pieces: Pieces, gzip: Gzip | undefined): Promise<void> {
    for await (const piece of pieces) {
      if (gzip === undefined) this.write(Buffer.from(piece));
      else await new Promise((resolve) => gzip.write(piece, resolve));
      // Whoever else has something to do comes first.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.unsentBytes >= highWaterBytes && !this.over) {
        await new Promise<void>((resolve) => {
          this.goOn = resolve;
        });
      }
      if (this.over) return;
    }
    if (gzip !== undefined) await new Promise((resolve) => gzip.on('end', resolve).end());
    this.stream.sendData(new Uint8Array(0), true);
  }

  private write(chunk: Uint8Array): void {
    if (this.over) return;
    this.unsentBytes += chunk.length;
    this.stream.sendData(chunk, false);
  }

  /** Loaded by the first scrape that asks for it: most sidecars are never asked, and it costs them memory. */
  private async gzip(): Promise<Gzip> {
    const { createGzip } = await import('node:zlib');
    return createGzip().on('data', (chunk: Uint8Array) => this.write(chunk));
  }

  private breakOff(reason: string): void {
    if (this.over) return;
    this.finish();
    this.stream.reset(ErrorCode.cancel, reason);
  }

  private finish(): void {
    if (this.over) return;
    this.over = true;
    this.timers.cancel(this.timer);
    this.wake();
    this.onOver();
  }

  private wake(): void {
    const { goOn } = this;
    this.goOn = undefined;
    goOn?.();
  }
}
