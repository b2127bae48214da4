/** What the proxy's first process and its workers say to each other. */

export type ToWorker =
  | { readonly kind: 'scrape'; readonly id: number }
  | { readonly kind: 'log filter'; readonly filter: string };

export type FromWorker =
  | { readonly kind: 'ready'; readonly ready: boolean }
  /** A piece of the metrics, of whole lines. */
  | { readonly kind: 'scraped'; readonly id: number; readonly piece: string; readonly last: boolean };

export const workerArgument = 'worker';
