import { grpcServerFailures } from '../../lib/contract/grpc-statuses.ts';
import { type Field, fieldValue } from '../wire/field.ts';

export type Classification = 'success' | 'failure';

/** The `error` of an exchange that the client gave up: nothing that the server did. */
export const clientCancelled = 'client cancelled';

/** The gRPC status in trailers, or in the head of a trailers-only response; -1 when there is none. */
export function grpcStatus(fields: readonly Field[] | undefined): number {
  if (fields === undefined) return -1;
  const value = fieldValue(fields, 'grpc-status');
  if (value === undefined || !/^\d{1,2}$/.test(value)) return -1;
  return Number(value);
}

/** True when a response did not end by itself, for a reason that is the server's or this proxy's. */
export const isFailed = (error: string | undefined): boolean => error !== undefined && error !== clientCancelled;

/**
 * Whether a response counts as the service's success. `grpc` is its gRPC status, -1 for none. One that the client gave
 * up is taken as far as it came (linkerd/app/core/src/classify.rs: the end of a response without trailers).
 */
export function classify(status: number, grpc: number, error: string | undefined): Classification {
  if (isFailed(error) || status >= 500) return 'failure';
  return grpcServerFailures.has(grpc) ? 'failure' : 'success';
}
