import type { Span } from '../telemetry/trace/span.ts';
import type { SpanFormat } from '../telemetry/trace/span-format.ts';
import { OutputBuffer } from '../wire/output-buffer.ts';

/** What is sent of some spans. */
export interface EncodedSpans {
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** What waits at most: more is dropped, whatever has become of the collector. */
export const maxQueuedSpans = 2048;
const maxQueuedBytes = 2 * 1024 * 1024;
/** Of one export: well below the 4 MB that gRPC servers take. */
const maxBatchSpans = 512;
const maxBatchBytes = 512 * 1024;

/** Spans that are sent together, one behind the other, and room before them. */
class Batch {
  count = 0;
  readonly out: OutputBuffer;
  private readonly frontBytes: number;

  constructor(out: OutputBuffer, frontBytes: number) {
    this.out = out;
    this.frontBytes = frontBytes;
    out.length = 0;
    out.length = out.reserve(frontBytes) + frontBytes;
  }

  get bytes(): number {
    return this.out.length - this.frontBytes;
  }

  get isFull(): boolean {
    return this.count >= maxBatchSpans || this.bytes >= maxBatchBytes;
  }
}

/** Spans that wait to be sent, in the batches that they are sent in. They are written where they are sent from. */
export class SpanQueue {
  private readonly format: SpanFormat;
  private batches: Batch[] = [];
  /** The first of them is under way: it takes no more spans. */
  private isFirstSent = false;
  private bytes = 0;
  /** Where the last batch stood: the next but one does. Under load a new one for each would be more than all else. */
  private spare: OutputBuffer | undefined = undefined;
  /** Of all batches. */
  count = 0;

  constructor(format: SpanFormat) {
    this.format = format;
  }

  /** Writes a span. False when there is no room for it. */
  add(span: Span): boolean {
    if (this.isFull) return false;
    const last = this.batches.at(-1);
    const isOpen = last !== undefined && last.count < maxBatchSpans && !(this.isFirstSent && this.batches.length === 1);
    const batch = isOpen ? last : this.newBatch();
    const { out } = batch;
    const start = out.length;
    this.format.encode(out, span);
    const length = out.length - start;
    if (this.bytes + length > maxQueuedBytes) {
      out.length = start;
      return false;
    }
    this.bytes += length;
    this.count++;
    if (batch.count > 0 && batch.bytes > maxBatchBytes) {
      out.length = start;
      const next = this.newBatch();
      next.out.append(out.bytes.subarray(start, start + length));
      this.keepBatch(next);
    } else if (isOpen) batch.count++;
    else this.keepBatch(batch);
    return true;
  }

  /** Takes no more, whatever its size. */
  get isFull(): boolean {
    return this.count >= maxQueuedSpans;
  }

  /** There is as much as one export takes. Not asked while one is under way. */
  get hasFullBatch(): boolean {
    return this.batches.length > 1 || (this.batches.length === 1 && this.batches[0].isFull);
  }

  /**
   * The first batch, to be sent: it stays until it is `remove`d, or `kept` to be sent again. Its bytes are not valid
   * behind that.
   */
  first(): EncodedSpans {
    const [{ count, out }] = this.batches;
    this.isFirstSent = true;
    return { count, bytes: this.format.batch(out) };
  }

  /** The first batch was not taken: until it is sent again, there may be more in it. */
  keep(): void {
    this.isFirstSent = false;
  }

  /** The first batch is done with. */
  remove(): void {
    const batch = this.batches.shift();
    this.isFirstSent = false;
    if (batch === undefined) return;
    this.count -= batch.count;
    this.bytes -= batch.bytes;
    this.spare = batch.out;
  }

  /** No span has come for a while: room that many were written in is not held for those to come. */
  rest(): void {
    this.spare = undefined;
  }

  clear(): void {
    this.batches = [];
    this.isFirstSent = false;
    this.spare = undefined;
    this.count = 0;
    this.bytes = 0;
  }

  /** Not yet one of those that wait. */
  private newBatch(): Batch {
    return new Batch(this.spare ?? new OutputBuffer(), this.format.frontBytes);
  }

  /** With its first span. */
  private keepBatch(batch: Batch): void {
    if (batch.out === this.spare) this.spare = undefined;
    batch.count = 1;
    this.batches.push(batch);
  }
}
