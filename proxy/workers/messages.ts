/** What the proxy's first process and its workers say to each other. */

export type ToWorker =
  | { readonly kind: 'scrape'; readonly id: number; readonly exemplars: boolean }
  | { readonly kind: 'log filter'; readonly filter: string }
  | ToWorkerTap;

export type FromWorker =
  | { readonly kind: 'ready'; readonly ready: boolean }
  /** A piece of the metrics, of whole lines. */
  | { readonly kind: 'scraped'; readonly id: number; readonly piece: string; readonly last: boolean }
  | FromWorkerTap;

/** Of a tap on the requests of all processes; `id` tells taps apart. */
export type ToWorkerTap =
  /** An encoded ObserveRequest, in base64. */
  | { readonly kind: 'tap'; readonly id: number; readonly request: string }
  /** No further requests are to be told of. */
  | { readonly kind: 'tap enough'; readonly id: number }
  | { readonly kind: 'tap over'; readonly id: number }
  /** So many characters of events have arrived. */
  | { readonly kind: 'tap taken'; readonly id: number; readonly length: number };

export type FromWorkerTap =
  | {
      readonly kind: 'tapped';
      readonly id: number;
      readonly stream: number;
      readonly part: 'first' | 'more' | 'last';
      /** In base64. */
      readonly event: string;
    }
  | { readonly kind: 'tap missed'; readonly id: number; readonly events: number };

export const workerArgument = 'worker';
