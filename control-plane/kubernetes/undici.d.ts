/**
 * The parts of undici that `connections.ts` loads. Its index would load fetch, WebSockets and caches too, which cost each
 * component 15 MB from a checkout and 6 MB in a bundle (docs/decisions/0019).
 */
declare module 'undici/lib/dispatcher/pool.js' {
  export { Pool as default } from 'undici';
}

declare module 'undici/lib/api/api-request.js' {
  import type { Dispatcher } from 'undici';
  /** What the index puts on every dispatcher as its `request`. */
  export default function request(
    this: Dispatcher,
    options: Dispatcher.RequestOptions,
  ): Promise<Dispatcher.ResponseData>;
}
