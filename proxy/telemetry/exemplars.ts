import type { Exemplar } from './exemplar.ts';
import type { Buckets } from './histogram.ts';
import type { TraceId } from './trace/ids.ts';

/** Knows the trace of what is counted. Of what none is recorded it does nothing. */
export interface ExemplarSource {
  /** `bucket` of the histogram has counted `value` at `nowMs` of the monotonic clock. */
  exemplify(buckets: Buckets, bucket: number, value: number, nowMs: number): void;
}

/** Of all histograms together: some 200 bytes each. */
const most = 2048;

interface Held extends Exemplar {
  traceId: TraceId;
  value: number;
  wallMs: number;
  holder: Buckets;
  bucket: number;
}

/**
 * The exemplars of this process: of each bucket the latest. When there are more than can be held, the bucket that was the
 * first to have one gives it up.
 */
export class Exemplars {
  private readonly held: Held[] = [];
  private readonly most: number;
  private next = 0;

  constructor(atMost = most) {
    this.most = atMost;
  }

  put(holder: Buckets, bucket: number, value: number, traceId: TraceId, wallMs: number): void {
    holder.exemplars ??= new Array<undefined>(holder.size).fill(undefined);
    const known = holder.exemplars[bucket] as Held | undefined;
    if (known !== undefined) {
      known.traceId = traceId;
      known.value = value;
      known.wallMs = wallMs;
      return;
    }
    const made: Held = { traceId, value, wallMs, holder, bucket };
    const old = this.held[this.next];
    if (old?.holder.exemplars !== undefined) old.holder.exemplars[old.bucket] = undefined;
    this.held[this.next] = made;
    this.next = (this.next + 1) % this.most;
    holder.exemplars[bucket] = made;
  }
}
