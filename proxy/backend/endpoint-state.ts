/**
 * - `unconnected`: no connection, and none was tried since the last one closed;
 * - `connecting`: the first one is being made, in the background;
 * - `ready`: there is one, or an opaque one was made last;
 * - `backing off`: the last try failed and nothing is connected. No request is given to it until a connection is made;
 * - `ejected`: its breaker has it left alone, connected or not;
 * - `probation`: that is over, it is connected, and may have one request;
 * - `probing`: it has that one, whose answer decides whether it is ready or ejected again.
 */
export type EndpointState =
  | 'unconnected'
  | 'connecting'
  | 'ready'
  | 'backing off'
  | 'ejected'
  | 'probation'
  | 'probing';

/** Its breaker is open: it comes back by itself. */
export const isHeldBack = (state: EndpointState): boolean =>
  state === 'ejected' || state === 'probation' || state === 'probing';
