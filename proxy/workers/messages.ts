/** What the proxy's first process and its workers say to each other. */

export type ToWorker =
  | { readonly kind: 'scrape'; readonly id: number }
  | { readonly kind: 'log filter'; readonly filter: string };

export type FromWorker =
  | { readonly kind: 'ready'; readonly ready: boolean }
  | { readonly kind: 'scraped'; readonly id: number; readonly text: string };

export const workerArgument = 'worker';
