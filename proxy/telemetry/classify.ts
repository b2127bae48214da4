import { type Field, fieldValue } from '../wire/field.ts';

export type Classification = 'success' | 'failure';

/** gRPC codes that are the server's failure (linkerd proxy/client-policy/src/grpc.rs): the others are the client's. */
const grpcFailures = new Set([
  2, // UNKNOWN
  4, // DEADLINE_EXCEEDED
  7, // PERMISSION_DENIED
  13, // INTERNAL
  14, // UNAVAILABLE
  15, // DATA_LOSS
]);

/** The gRPC status in trailers, or in the head of a trailers-only response; -1 when there is none. */
export function grpcStatus(fields: readonly Field[] | undefined): number {
  if (fields === undefined) return -1;
  const value = fieldValue(fields, 'grpc-status');
  if (value === undefined || !/^\d{1,2}$/.test(value)) return -1;
  return Number(value);
}

/** Whether a response counts as the service's success. `grpc` is its gRPC status, -1 for none. */
export function classify(status: number, grpc: number, error: string | undefined): Classification {
  if (error !== undefined || status >= 500) return 'failure';
  return grpcFailures.has(grpc) ? 'failure' : 'success';
}
