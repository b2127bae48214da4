const bucketCount = 10;
/** A shorter window says nothing, and its buckets would have no length. */
const minWindowMs = 10;

export interface SuccessRateOptions {
  /** Below it the rate is too low; from 0 to 1, 0 for never. */
  readonly threshold: number;
  /** How far back answers count. */
  readonly windowMs: number;
  /** Fewer answers within the window say nothing. */
  readonly minRequests: number;
}

/**
 * The share of successes among the answers of a window of time, in buckets that leave it one by one:
 *
 *     |  s/t  |  s/t  |  s/t  |  s/t  |     successes and answers; the oldest bucket is emptied for the time to come
 *         oldest            ^ now
 *
 * It counts answers, not time: a hundred failures in a millisecond weigh as much as over seconds, where an average that
 * is weighted by time would hardly see them.
 */
export class SuccessRate {
  private readonly threshold: number;
  private readonly minRequests: number;
  private readonly bucketMs: number;
  private readonly successes = new Float64Array(bucketCount);
  private readonly answers = new Float64Array(bucketCount);
  /** Of the bucket of now, counted from the beginning of time. */
  private bucket = Number.NEGATIVE_INFINITY;

  constructor({ threshold, windowMs, minRequests }: SuccessRateOptions) {
    this.threshold = threshold;
    this.minRequests = Math.max(1, minRequests);
    this.bucketMs = Math.max(minWindowMs, windowMs) / bucketCount;
  }

  /** Takes one more answer; true when the rate is too low by now. */
  record(success: boolean, nowMs: number): boolean {
    this.roll(Math.floor(nowMs / this.bucketMs));
    const at = this.bucket % bucketCount;
    this.answers[at]++;
    if (success) this.successes[at]++;
    let successes = 0;
    let answers = 0;
    for (let i = 0; i < bucketCount; i++) {
      successes += this.successes[i];
      answers += this.answers[i];
    }
    return answers >= this.minRequests && successes < this.threshold * answers;
  }

  reset(): void {
    this.successes.fill(0);
    this.answers.fill(0);
  }

  /** Empties the buckets that have left the window since the last answer. */
  private roll(bucket: number): void {
    if (bucket - this.bucket >= bucketCount) this.reset();
    else {
      for (let passed = this.bucket + 1; passed <= bucket; passed++) {
        this.successes[passed % bucketCount] = 0;
        this.answers[passed % bucketCount] = 0;
      }
    }
    this.bucket = Math.max(this.bucket, bucket);
  }
}
