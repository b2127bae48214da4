import type { SpanFormat } from '../telemetry/trace/span-format.ts';
import type { EncodedSpans } from './span-queue.ts';

/** What became of a batch of spans. */
export type Exported =
  /** `rejected` of them were not taken, though the others were. */
  | { readonly kind: 'taken'; readonly rejected: number }
  /** It would not be taken another time either. */
  | { readonly kind: 'refused'; readonly detail: string }
  /** The collector could not be reached, had no time, or did not answer in time. */
  | { readonly kind: 'unavailable'; readonly detail: string };

/** Where spans are sent to. */
export interface Collector {
  /** Where it is, for the log. */
  readonly address: string;
  /** How spans are written for it. */
  readonly format: SpanFormat;
  /** Sends a batch over the one connection that there is, made when it is needed. Never rejects. */
  export(spans: EncodedSpans, timeoutMs: number): Promise<Exported>;
  /** Ends the connection. */
  close(): void;
}
