/** The statuses that a call of gRPC can fail with, each at its number less one. */
export const grpcErrors = [
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** All statuses of gRPC, each at its number. */
export const grpcStatuses: readonly string[] = ['OK', ...grpcErrors];

/** The numbers that are the server's failure (linkerd proxy/client-policy/src/grpc.rs): the others are the client's. */
export const grpcServerFailures: ReadonlySet<number> = new Set([
  2, // UNKNOWN
  4, // DEADLINE_EXCEEDED
  7, // PERMISSION_DENIED
  13, // INTERNAL
  14, // UNAVAILABLE
  15, // DATA_LOSS
]);

/** How a call ended, as far as it may be tried again: the words of `retry.linkerd.io/grpc`. */
export const grpcRetryConditions = [
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
] as const;
