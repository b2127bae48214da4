/**
 * How what is told of an injected failure begins, as control plane and proxies write and read it: clients are told, and
 * circuit breakers take it for nothing that an endpoint did.
 */
export const injectedFault = 'injected by FaultInjection';

/** Longer than any client waits: what is delayed is held for as long. */
export const longestDelayMs = 3_600_000;

/** The codes of gRPC that a call can fail with, each at its number less one. */
export const grpcFailures = [
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
