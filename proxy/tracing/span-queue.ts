import { OutputBuffer } from '../wire/output-buffer.ts';

/** Spans as their format has them, one behind the other. */
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

class Batch {
  count = 0;
  readonly out: OutputBuffer;

  constructor(out: OutputBuffer) {
    this.out = out;
    out.length = 0;
  }

  takes(bytes: number): boolean {
    return this.count < maxBatchSpans && (this.count === 0 || this.out.length + bytes <= maxBatchBytes);
  }

  get isFull(): boolean {
    return this.count >= maxBatchSpans || this.out.length >= maxBatchBytes;
  }
}

/** Spans that wait to be sent, in the batches that they are sent in. */
export class SpanQueue {
  private batches: Batch[] = [];
  /** The first of them is under way: it takes no more spans. */
  private isFirstSent = false;
  private bytes = 0;
  /** Where the last batch stood: the next but one does. Under load a new one for each would be more than all else. */
  private spare: OutputBuffer | undefined = undefined;
  /** Of all batches. */
  count = 0;

  /** Copies a span. False when there is no room for it. */
  add(span: Uint8Array): boolean {
    if (this.isFull || this.bytes + span.length > maxQueuedBytes) return false;
    let batch = this.batches.at(-1);
    if (batch === undefined || (this.isFirstSent && this.batches.length === 1) || !batch.takes(span.length)) {
      batch = new Batch(this.spare ?? new OutputBuffer());
      this.spare = undefined;
      this.batches.push(batch);
    }
    batch.out.append(span);
    batch.count++;
    this.count++;
    this.bytes += span.length;
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
    return { count, bytes: out.bytes.subarray(0, out.length) };
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
    this.bytes -= batch.out.length;
    this.spare = this.count === 0 ? undefined : batch.out;
  }

  clear(): void {
    this.batches = [];
    this.isFirstSent = false;
    this.count = 0;
    this.bytes = 0;
  }
}
