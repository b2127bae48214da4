import type { RouteTracing } from '../../api/gen/tulle_pb.js';

/** The share of a route's requests that begin a trace; undefined where that is not said, or told why it cannot hold. */
export function traceRateFromApi(
  tracing: RouteTracing | undefined,
  onUnread: (why: string) => void,
): number | undefined {
  if (tracing === undefined) return undefined;
  const { sampleRate } = tracing;
  if (sampleRate >= 0 && sampleRate <= 1) return sampleRate;
  onUnread(`the share of requests that begin a trace must be from 0 to 1, and is ${sampleRate}`);
  return undefined;
}
