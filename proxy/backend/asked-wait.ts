import type { Attempt } from '../exchange/attempt.ts';
import { pushbackMs, retryAfterMs } from '../resilience/retry-after.ts';
import { fieldValue } from '../wire/field.ts';

const unavailable = 14;
const resourceExhausted = 8;

/** Whether an endpoint turned a request away to protect itself. */
export const isLimited = (status: number, grpc: number): boolean => status === 429 || grpc === resourceExhausted;

/**
 * How long the endpoint asks to be left alone, in ms: by the Retry-After of a 429 or 503, or by the pushback of a gRPC
 * answer that says the same. 0 when it does not ask. `wallMs` is the time since the epoch.
 */
export function askedWaitMs({ status, grpcStatus, fields, trailers }: Attempt, wallMs: number): number {
  if (fields === undefined) return 0;
  if (status === 429 || status === 503) {
    const value = fieldValue(fields, 'retry-after');
    return (value && retryAfterMs(value, wallMs)) || 0;
  }
  if (grpcStatus !== resourceExhausted && grpcStatus !== unavailable) return 0;
  const name = 'grpc-retry-pushback-ms';
  const value = (trailers && fieldValue(trailers, name)) ?? fieldValue(fields, name);
  return (value && pushbackMs(value)) || 0;
}
