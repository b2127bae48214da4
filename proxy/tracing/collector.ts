import type { Span } from '../telemetry/trace/span.ts';

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
  /** Sends a batch over the one connection that there is, made when it is needed. Never rejects. */
  export(spans: readonly Span[], timeoutMs: number): Promise<Exported>;
  /** Ends the connection. */
  close(): void;
}
